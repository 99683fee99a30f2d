-- SPDX-License-Identifier: MIT
-- What the shell of root and its tools do where systems differ: one script for `sh -s`, run in the private
-- directory of the probe ($1), each answer a line KEY=VALUE; and what the engine's scripts rest on.

local shell = {}

shell.script = [[
cd "$1" || exit 1
umask 077
echo "directory=ok"
echo "login_shell=$SHELL"
echo "umask=`umask`"
echo "file_limit=`ulimit -f 2>/dev/null`"
echo "arg_max=`getconf ARG_MAX`"
echo "arithmetic=$((2147483647 + 1))"
: >old && : >new
ln -n new old 2>/dev/null
echo "ln_n=$?"
ln -n new free 2>/dev/null
echo "ln_n_free=$?"
echo "kill_l=`kill -l 15`"
sh -c 'trap "exit 7" TERM; kill -TERM $$; sleep 1'
echo "trap=$?"
sh -c 'kill -KILL $$' 2>/dev/null
echo "killed=$?"
x=0123456789
x=$x$x$x$x$x$x$x$x$x$x
x=$x$x$x$x$x$x$x$x$x$x
n=`sh -c 'ps -p $$ -o args= | wc -c' sh $x`
echo "ps_args=$((n))"
ps -p 999999 -o args= >/dev/null 2>&1
echo "ps_gone=$?"
: >plain && ln -s plain link
if [ -h link ] && [ -f link ] && [ ! -h plain ] && [ -s "$1" ]; then echo "test_flags=ok"; else echo "test_flags=no"; fi
n=`echo 'a\tb' | wc -c`
echo "echo_backslash=$((n))"
echo "env_ENV=$ENV"
echo "env_ODMDIR=$ODMDIR"
echo "env_LIBPATH=$LIBPATH"
sleep 0.1 2>/dev/null
echo "sleep_fraction=$?"
mkdir made 2>/dev/null
mkdir made 2>/dev/null
echo "mkdir_again=$?"
echo "end=ok"
]]

local function number(value) return math.tointeger(tonumber(value)) end

local function at_least(least)
  return function(value) return (number(value) or -1) >= least end
end

---@class altmig.probe.Expectation
---@field key string
---@field assumption string
---@field holds fun(value: string): boolean
---@field want string   said where it does not
---@field may_be_silent boolean?

---@type altmig.probe.Expectation[]
shell.expected = {
  { key = "login_shell", assumption = "login-shell", want = "a path", holds = function(v) return v:find("^/") ~= nil end },
  { key = "umask", assumption = "shell-umask", want = "077", holds = function(v) return v:find("^0*77$") ~= nil end },
  { key = "file_limit", assumption = "shell-file-limit", want = "unlimited, or 4 GiB and more", may_be_silent = true,
    holds = function(v) return v == "unlimited" or (number(v) or 0) >= 8388608 end },
  { key = "arg_max", assumption = "shell-arg-max", want = "24576 or more", holds = at_least(24576) },
  { key = "arithmetic", assumption = "shell-arithmetic", want = "2147483648, or that with a minus",
    holds = function(v) return v:find("^%-?2147483648$") ~= nil end },
  { key = "ln_n", assumption = "ln-n-keeps", want = "a status other than 0",
    holds = function(v) return (number(v) or 0) ~= 0 end },
  { key = "ln_n_free", assumption = "ln-n-keeps", want = "0", holds = function(v) return v == "0" end },
  { key = "kill_l", assumption = "kill-l-names", want = "TERM", holds = function(v) return v == "TERM" end },
  { key = "trap", assumption = "shell-trap", want = "7", holds = function(v) return v == "7" end },
  { key = "killed", assumption = "shell-signal-status", want = "137 (128 and the signal)", holds = function(v) return v == "137" end },
  { key = "ps_args", assumption = "ps-args-width", want = "1000 or more", holds = at_least(1000) },
  { key = "ps_gone", assumption = "ps-gone", want = "1", holds = function(v) return v == "1" end },
  { key = "test_flags", assumption = "shell-test-flags", want = "ok", holds = function(v) return v == "ok" end },
  { key = "echo_backslash", assumption = "echo-backslash", want = "4 (taken apart) or 5",
    holds = function(v) return v == "4" or v == "5" end },
  { key = "env_ENV", assumption = "environment", want = "nothing", holds = function(v) return v == "" end },
  { key = "env_ODMDIR", assumption = "environment", want = "nothing, or /etc/objrepos",
    holds = function(v) return v == "" or v == "/etc/objrepos" end },
  { key = "env_LIBPATH", assumption = "environment", want = "nothing", holds = function(v) return v == "" end },
  { key = "sleep_fraction", assumption = "sleep-fraction", want = "a status", holds = function(v) return number(v) ~= nil end },
  { key = "mkdir_again", assumption = "mkdir-locks", want = "a status other than 0",
    holds = function(v) return (number(v) or 0) ~= 0 end },
}

--- A verdict for each line.
---@param answer altmig.probe.Answer
---@return altmig.probe.Verdict[]
function shell.judge(answer)
  local values, list = {}, {}
  for key, value in answer.stdout:gmatch("([%l_A-Z]+)=([^\n]*)\n") do values[key] = value end
  for _, expected in ipairs(shell.expected) do
    local value = values[expected.key]
    local verdict = { name = expected.key, assumption = expected.assumption, rows = 1, verdict = "accepted", observed = value }
    if not value then
      verdict.verdict, verdict.rows = "rejected", 0
      verdict.reason = "no answer: " .. (answer.stderr:match("[^\n]+") or "the script ended before")
    elseif value == "" and expected.may_be_silent then
      verdict = { name = expected.key, assumption = expected.assumption, verdict = "not asked", reason = "the shell does not tell" }
    elseif not expected.holds(value) then
      verdict.verdict, verdict.reason = "rejected", "not " .. expected.want
    end
    -- A bundle of an earlier altmig has no answer to what was not asked then.
    if value or values["end"] ~= "ok" then list[#list + 1] = verdict end
  end
  return list
end

return shell
