#!/usr/lpp/lab/bin/aixlua
-- SPDX-License-Identifier: MIT
-- path: /usr/bin/ps
-- part: all
-- ps [-ef] [-A] [-p List] [-u user] [-o Format]: processes of the LPAR. Formats: pid ppid pgid user
-- args comm etime time, each with an optional heading after "=".

local getopt = require "lab.getopt"
local quirk = require "lab.quirk"
local sys = require "altmig.sys"

local function usage(message)
  if message then io.stderr:write("ps: ", message, "\n") end
  io.stderr:write("Usage: ps [-Aef] [-p ProcessList] [-u UserList] [-o Format] ...\n")
  os.exit(1, true)
end

local words = arg[1] and not arg[1]:match("^%-") and { "-ef" } or arg -- "ps aux" and the like
local options = getopt(words, "Aeflkadp:u:o:+", usage)

local names = {}
for line in (sys.read_file("/etc/passwd") or ""):gmatch("[^\n]+") do
  local name, uid = line:match("^([^:]*):[^:]*:(%d+):")
  if name and not names[uid] then names[uid] = name end
end

local uptime = tonumber((sys.read_file("/proc/uptime") or "0"):match("^[%d.]+")) or 0

local function clock(seconds)
  seconds = math.max(0, math.floor(seconds))
  return ("%02d:%02d:%02d"):format(seconds // 3600, seconds % 3600 // 60, seconds % 60)
end

local function process(pid)
  local dir = "/proc/" .. pid
  local text = sys.read_file(dir .. "/stat")
  if not text then return nil end
  local comm, rest = text:match("^%d+ %((.*)%) (.*)$")
  local fields = {}
  for word in rest:gmatch("%S+") do fields[#fields + 1] = word end
  local args = (sys.read_file(dir .. "/cmdline") or ""):gsub("%z+$", ""):gsub("%z", " ")
  local uid = (sys.read_file(dir .. "/status") or ""):match("\nUid:%s*(%d+)") or "0"
  if options.o and quirk.is("ps-args", "cut") then args = args:sub(1, 80) end
  return { pid = tostring(pid), ppid = fields[2], pgid = fields[3], comm = comm, args = args ~= "" and args or "[" .. comm .. "]",
    user = names[uid] or uid, etime = clock(uptime - tonumber(fields[20]) / 100), tty = "-",
    time = clock((tonumber(fields[12]) + tonumber(fields[13])) / 100) }
end

local wanted
if options.p then
  wanted = {}
  for pid in options.p:gmatch("%d+") do wanted[pid] = true end
end

local list = {}
for _, name in ipairs(sys.list("/proc") or {}) do
  if name:match("^%d+$") and (not wanted or wanted[name]) then
    local p = process(name)
    if p and (not options.u or p.user == options.u) then list[#list + 1] = p end
  end
end
table.sort(list, function(a, b) return tonumber(a.pid) < tonumber(b.pid) end)

local headings = { pid = "PID", ppid = "PPID", pgid = "PGID", comm = "COMMAND", args = "COMMAND", user = "USER", etime = "ELAPSED",
  time = "TIME", tty = "TT" }

if options.o then
  local columns, titled = {}, false
  for _, word in ipairs(options.o) do
    for part in word:gmatch("[^, ]+") do
      local name, title = part:match("^(%w+)=?(.*)$")
      if not headings[name] then usage("Format " .. part .. " is not supported.") end
      if not part:find("=", 1, true) then title = headings[name] end
      titled = titled or title ~= ""
      columns[#columns + 1] = { name = name, title = title }
    end
  end
  local function row(get)
    local out = {}
    for i, column in ipairs(columns) do
      local value = get(column)
      out[i] = i == #columns and value or ("%7s"):format(value)
    end
    return table.concat(out, " ")
  end
  if titled then print(row(function(column) return column.title end)) end
  for _, p in ipairs(list) do print(row(function(column) return p[column.name] end)) end
else
  print("     UID     PID    PPID   C    STIME    TTY  TIME CMD")
  for _, p in ipairs(list) do
    print(("%8s %7s %7s   0 %s      - %5s %s"):format(p.user, p.pid, p.ppid, p.etime, p.time:match("%d+:%d+$"), p.args))
  end
end
os.exit(#list > 0, true)
