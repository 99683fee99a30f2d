-- The flags of nimadm and of altmig's own commands. A flag that is not supported yet is refused by
-- name, never ignored.

local cli = require "altmig.cli"

local options = {}

-- letter -> { name, takes an argument }
local supported = {
  c = { "client", true }, l = { "lpp_source", true }, s = { "spot", true }, d = { "disks", true },
  a = { "pre_script", true }, z = { "post_script", true }, P = { "phases", true },
  Y = { "licenses" }, B = { "no_bootlist" }, r = { "reboot" }, F = { "force" }, V = { "verbose" },
  C = { "cleanup" }, q = { "quiet" }, v = { "verbose" },
  e = { "exclude_files", true }, i = { "image_data", true }, o = { "bosinst_data", true },
  m = { "mount_options", true }, D = { "debug" }, E = { "repl_on_error" },
}
local not_yet = {
  b = true, j = true, U = true, A = true,
  S = true, W = true, M = true, T = true, O = true, N = true, n = true, f = true,
}
local long = {
  nim = { "nim", true }, state = { "state", true }, script = { "script", true }, from = { "from", true },
  color = { "color", true }, json = { "json" },
  ["repl-on-error"] = { "repl_on_error" },
  ["dry-run"] = { "dry_run", only = { ["altmig migrate"] = true, nimadm = true } },
  ["restore-via"] = { "restore_via", true, only = { ["altmig migrate"] = true, ["altmig check"] = true, nimadm = true,
    ["altmig resume"] = true } },
  html = { "html", only = { ["altmig report"] = true } },
  baseline = { "baseline", true, only = { ["altmig migrate"] = true, ["altmig check"] = true } },
  ["verify-restore"] = { "verify_restore", only = { ["altmig migrate"] = true, ["altmig resume"] = true } },
  report = { "report", true, only = { ["altmig migrate"] = true, nimadm = true, ["altmig resume"] = true } },
}
local long_not_yet = {
  fix = true,
}

--- Splits a command line into options and operands.
---@param args string[]
---@param who string          name in messages: "nimadm" or "altmig migrate"
---@return table opts, string[] operands
function options.parse(args, who)
  local opts, operands = {}, {}
  local i = 1
  local function value(flag, attached)
    if attached ~= nil and attached ~= "" then return attached end
    i = i + 1
    if args[i] == nil then cli.usage(("%s: flag %s needs an argument"):format(who, flag)) end
    return args[i]
  end
  while i <= #args do
    local word = args[i]
    if word == "--" then
      for k = i + 1, #args do operands[#operands + 1] = args[k] end
      break
    elseif word:sub(1, 2) == "--" then
      local name, attached = word:match("^%-%-([%w%-]+)=?(.*)$")
      if not word:find("=", 1, true) then attached = nil end
      local entry = long[name]
      if long_not_yet[name] then
        cli.usage(("%s: flag --%s is not supported yet"):format(who, name))
      elseif not entry or (entry.only and not entry.only[who]) then
        cli.usage(("%s: unknown flag %s"):format(who, word))
      else
        opts[entry[1]] = entry[2] and value(word, attached) or true
      end
    elseif word:sub(1, 1) == "-" and #word > 1 then
      local rest = word:sub(2)
      while rest ~= "" do
        local letter = rest:sub(1, 1)
        rest = rest:sub(2)
        local entry = supported[letter]
        if not_yet[letter] then cli.usage(("%s: flag -%s is not supported yet"):format(who, letter)) end
        if not entry then cli.usage(("%s: unknown flag -%s"):format(who, letter)) end
        if entry[2] then
          opts[entry[1]] = value("-" .. letter, rest)
          rest = ""
        else
          opts[entry[1]] = true
        end
      end
    else
      operands[#operands + 1] = word
    end
    i = i + 1
  end
  if opts.color and not ({ auto = true, always = true, never = true })[opts.color] then
    cli.usage(("%s: --color %s: auto, always or never"):format(who, opts.color))
  end
  if opts.restore_via and opts.restore_via ~= "nfs" and opts.restore_via ~= "stream" then
    cli.usage(("%s: --restore-via %s: nfs or stream"):format(who, opts.restore_via))
  end
  return opts, operands
end

--- "1,2" or "1 2" -> { 1, 2 } in ascending order; a usage error for anything else.
---@param text string
---@param who string
---@return integer[]
function options.phases(text, who)
  local seen, list = {}, {}
  for word in text:gmatch("[^%s,]+") do
    local n = math.tointeger(tonumber(word))
    if not n or n < 1 or n > 12 then cli.usage(("%s: -P %s: phases are numbers from 1 to 12"):format(who, text)) end
    if not seen[n] then list[#list + 1] = n end
    seen[n] = true
  end
  if #list == 0 then cli.usage(("%s: -P needs at least one phase"):format(who)) end
  table.sort(list)
  return list
end

-- What the mounts of the copy rest on: no device of it may be opened on the master, every write must
-- arrive, and the protocol is the one the engine speaks.
local function mount_option_problem(word)
  local name, value = word:match("^([%w_]+)=([%w_%.:/%-]+)$")
  name = name or word:match("^[%w_]+$")
  if not name then return "is no mount option" end
  if name == "vers" or name == "nfsvers" then
    return value ~= "3" and "must be 3: the engine and the master must see the same files" or nil
  end
  if name == "dev" then return "would let a device name of the copy reach a disk of the master" end
  if name == "suid" or name == "rw" or name == "nodev" or name == "hard" then return nil end
  if name == "ro" or name == "noexec" then return "the programs of phase 6 run and write there" end
  if name == "soft" then return "a write that times out would be lost without a word" end
  if name == "bg" then return "the phase must not go on before the mount is there" end
  return nil
end

--- Flag -m: options for the NFS mounts of the copy on the master, checked. "-o a,b" and "a,b" both do.
---@param text string
---@param who string
---@return string
function options.mount_options(text, who)
  local list = {}
  local plain = text:gsub("^%s*%-o%s*", "")
  for word in plain:gmatch("[^,]+") do
    word = word:match("^%s*(.-)%s*$")
    local problem = mount_option_problem(word)
    if problem then cli.usage(("%s: flag -m: option '%s': %s"):format(who, word, problem)) end
    list[#list + 1] = word
  end
  if #list == 0 then cli.usage(who .. ": flag -m names no mount option") end
  return table.concat(list, ",")
end

--- Checks what a migration needs and brings the values into shape.
---@param opts table
---@param who string
function options.for_migration(opts, who)
  for _, need in ipairs { { "client", "-c CLIENT" }, { "lpp_source", "-l LPP_SOURCE" }, { "spot", "-s SPOT" },
    { "disks", "-d DISK" } } do
    if not opts[need[1]] then cli.usage(("%s: flag %s is missing"):format(who, need[2])) end
  end
  if not opts.licenses and os.getenv("ADM_ACCEPT_LICENSES") ~= "yes" then
    cli.usage(who .. ": the licences of the new release must be accepted: flag -Y, or ADM_ACCEPT_LICENSES=yes")
  end
  if opts.no_bootlist and opts.reboot then cli.usage(who .. ": flags -B and -r exclude each other") end
  local disks = {}
  for disk in opts.disks:gmatch("%S+") do
    if not disk:match("^[%w_%.]+$") then cli.usage(("%s: '%s' is not a disk name"):format(who, disk)) end
    disks[#disks + 1] = disk
  end
  if #disks == 0 then cli.usage(who .. ": flag -d names no disk") end
  opts.disks = disks
  if opts.mount_options then opts.mount_options = options.mount_options(opts.mount_options, who) end
  if opts.phases then opts.phases = options.phases(opts.phases, who) end
  if opts.from then opts.from = options.phases(opts.from, who)[1] end
  options.check_name(opts.client, who)
  return opts
end

--- What a preflight needs: the flags of a migration, without the licences.
---@param opts table
---@param who string
function options.for_check(opts, who)
  local accepted = opts.licenses
  opts.licenses = true
  options.for_migration(opts, who)
  opts.licenses = accepted
  return opts
end

--- A client's name becomes a file name and a directory: it must look like a host name.
function options.check_name(name, who)
  if not name:match("^[%w][%w%._%-]*$") then cli.usage(("%s: '%s' is not a client name"):format(who, name)) end
  return name
end

return options
