-- SPDX-License-Identifier: MIT
-- The completion of shells: scripts made from the tables of altmig.options, printed by altmig completion and
-- installed by the build. What both shells know is four functions, which sh would understand too.

local cli = require "altmig.cli"
local options = require "altmig.options"

local completion = {}

-- What an argument or operand is: "words:a b", "clients", "files", "directories", or "" if nobody knows.
local function kind(name, words)
  if type(words) == "function" then words = words() end
  if words then return "words:" .. table.concat(words, " ") end
  if name:find "^%[?CLIENT" then return "clients" end
  if name:find "^%[?FILE" then return "files" end
  return name == "DIR" and "directories" or ""
end

-- The cases of a function: for(form, command) says what is printed for a form, nil if nothing.
local function cases(fn)
  local lines = {}
  for _, who in ipairs(options.commands()) do
    local form = who:gsub("^altmig ", "")
    local text = not who:find " %-C$" and fn(form, options.command(who))
    if text and text ~= "" then lines[#lines + 1] = ("\t%s) echo '%s' ;;"):format(form:gsub(" ", "\\ "), text) end
  end
  return table.concat(lines, "\n")
end

local function flags()
  return cases(function(_, command)
    local words = {}
    for i, flag in ipairs(command.list) do words[i] = flag.word end
    return table.concat(words, " ") .. (#words > 0 and " " or "") .. "--help"
  end)
end

-- "FORM FLAG" -> the kind of its argument.
local function arguments()
  local lines = {}
  cases(function(form, command)
    for _, flag in ipairs(command.list) do
      if flag.arg then
        lines[#lines + 1] = ("\t%s\\ %s) echo '%s' ;;"):format(form:gsub(" ", "\\ "), flag.word, kind(flag.arg, flag.words))
      end
    end
  end)
  return table.concat(lines, "\n")
end

-- The subcommands of a command: "odm" -> "get show ...".
local function subcommands()
  local lists, lines = {}, {}
  cases(function(form)
    local name, sub = form:match "^(%l+) (%l+)$"
    if name then lists[name] = (lists[name] and lists[name] .. " " or "") .. sub end
  end)
  for _, name in ipairs((cli.commands())) do
    if lists[name] then lines[#lines + 1] = ("\t%s) echo '%s' ;;"):format(name, lists[name]) end
  end
  return table.concat(lines, "\n")
end

local COMMON <const> = [=[
_altmig_flags() {
	case $1 in
FLAGS
	esac
}
_altmig_operand() {
	case $1 in
OPERANDS
	esac
}
_altmig_argument() {
	case $1 in
ARGUMENTS
	*) return 1 ;;
	esac
}
_altmig_subcommands() {
	case $1 in
SUBCOMMANDS
	esac
}
# _altmig_kind PROGRAM WORD [WORD-BEFORE ...]: what WORD is, behind the others.
_altmig_kind() {
	local program=$1 word=$2 form=$3 before=
	shift 2
	case $program in
	nimadm | */nimadm)
		form=nimadm
		case " $* " in
		*" -M "*) form="nimadm -M" ;;
		esac
		;;
	*)
		if [ $# -eq 0 ]; then echo 'words:COMMANDS --help --version'; return; fi
		if [ -n "$(_altmig_subcommands "$form")" ]; then
			if [ $# -eq 1 ]; then echo "words:$(_altmig_subcommands "$form") --help"; return; fi
			form="$form $2"
		fi
		;;
	esac
	for before in "$@"; do :; done
	_altmig_argument "$form $before" && return
	case $word in
	-*) echo "words:$(_altmig_flags "$form")" ;;
	*) _altmig_operand "$form" ;;
	esac
}
_altmig_clients() {
	altmig status 2>/dev/null | sed -n 's/^\([[:alnum:]][^ :]*\): .*/\1/p'
}
]=]

local frames = {}

frames.bash = [=[
# Completion of altmig and nimadm for bash, made by 'altmig completion bash'.
COMMON_altmig() {
	local at=$COMP_CWORD word=${COMP_WORDS[COMP_CWORD]} kind
	# --flag=WORD is three words for bash.
	if [[ $word == = ]]; then word=; elif [[ ${COMP_WORDS[at-1]} == = ]]; then (( at-- )); fi
	kind=$(_altmig_kind "${COMP_WORDS[0]}" "$word" "${COMP_WORDS[@]:1:at-1}")
	case $kind in
	words:*) mapfile -t COMPREPLY < <(compgen -W "${kind#words:}" -- "$word") ;;
	clients) mapfile -t COMPREPLY < <(compgen -W "$(_altmig_clients)" -- "$word") ;;
	files) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
	directories) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
	*) COMPREPLY=() ;;
	esac
}
complete -F _altmig altmig nimadm
]=]

frames.zsh = [=[
#compdef altmig nimadm
# Completion of altmig and nimadm for zsh, made by 'altmig completion zsh'.
COMMON_altmig() {
	local kind word=$words[CURRENT]
	local -a before=("${(@)words[2,CURRENT-1]}")
	if [[ $word == --*=* ]]; then
		before+=("${word%%=*}")
		compset -P '*='
		word=
	fi
	kind=$(_altmig_kind "$words[1]" "$word" "${before[@]}")
	case $kind in
	words:*) compadd -- ${=kind#words:} ;;
	clients) compadd -- $(_altmig_clients) ;;
	files) _files ;;
	directories) _files -/ ;;
	esac
}
if [[ $funcstack[1] == _altmig ]]; then _altmig "$@"; else compdef _altmig altmig nimadm; fi
]=]

--- The script for a shell.
---@param shell string   bash or zsh
---@return string
function completion.script(shell)
  local names = cli.commands() -- each defines its flags
  local operands = cases(function(_, command)
    -- A synopsis that begins with flags that are needed has no operands.
    return not command.operands:find "^%-" and kind(command.operands, command.words) or nil
  end)
  local parts = { FLAGS = flags(), OPERANDS = operands, ARGUMENTS = arguments(), SUBCOMMANDS = subcommands() }
  parts.COMMANDS = table.concat(names, " ")
  local common = COMMON:gsub("%f[%u]%u+%f[%A]", parts)
  return (frames[shell]:gsub("COMMON", function() return common end))
end

return completion
