-- What must be true before a migration starts. Every check adds findings; an inhibitor ends the run
-- with status 3 before anything is changed.

local aix = require "altmig.aix"
local err = require "altmig.err"

local check = {}

---@class altmig.Finding
---@field id string
---@field severity "inhibitor"|"warning"|"info"
---@field host string
---@field what string
---@field evidence string?  the command and what it printed
---@field remedy string?    commands to type

local fileset = "bos.alt_disk_install.rte"

--- Level of bos.alt_disk_install.rte in a software database; "0.0.0.0" when it is not there.
local function spot_level(m)
  local text = m.master:run({ "odmget", "-q", "name=" .. fileset, "lpp" },
    { env = { ODMDIR = m.spot.location .. "/lib/objrepos" } }).stdout
  local best = "0.0.0.0"
  for _, object in ipairs(aix.odmget(text)) do
    if object.name == fileset and object.ver then
      local level = ("%s.%s.%s.%s"):format(object.ver, object.rel, object.mod, object.fix)
      if aix.compare_levels(level, best) > 0 then best = level end
    end
  end
  return best
end

--- The levels of bos.alt_disk_install.rte on master and SPOT must be the same. Prints nimadm's words.
function check.alt_disk_install(m)
  local installed = aix.lslpp_Lqc(m.master:run({ "lslpp", "-Lqc", fileset }).stdout)[fileset]
  local on_master = installed and installed.level or "0.0.0.0"
  local in_spot = spot_level(m)
  if on_master == in_spot and installed then return end
  if in_spot == "0.0.0.0" then
    m:say('0042-001 nim: processing error encountered on "master":')
    m:say(("   /usr/bin/lslpp: Fileset %s not installed.\n"):format(fileset))
    m:say(("0505-204 nimadm: SPOT %s does not have %s installed."):format(m.spot.name, fileset))
  end
  m:say(("0505-205 nimadm: The level of %s installed in SPOT\n%s (%s) does not match the NIM master's level (%s).")
    :format(fileset, m.spot.name, in_spot, on_master))
  m:say("Cleaning up alt_disk_migration on the NIM master.")
  err.raise { code = "SPOT_LEVEL", status = 3, host = m.master.name,
    message = ("%s: %s in SPOT %s, %s on the master"):format(fileset, in_spot, m.spot.name, on_master),
    remedy = ("nim -o cust -a filesets=%s -a lpp_source=%s %s   (or: nimadm -M -s %s -l %s)"):format(fileset,
      m.lpp_source.name, m.spot.name, m.spot.name, m.lpp_source.name) }
end

local checks = {}

function checks.levels(m, add)
  local client = m.client:must { "oslevel", "-s" }
  local master = m.master:must { "oslevel", "-s" }
  local from, to = aix.oslevel(client), aix.oslevel(master)
  if not from or not to then
    return add { id = "oslevel", host = from and m.master.name or m.name, what = "oslevel -s does not print a level",
      evidence = from and master or client }
  end
  local image = m:bos_level()
  if not image then
    return add { id = "bos-image", host = m.master.name,
      what = ("lpp_source %s has no bos image at %s/installp/ppc/bos"):format(m.lpp_source.name, m.lpp_source.location),
      remedy = ("nim -o check %s; ls -l %s/installp/ppc"):format(m.lpp_source.name, m.lpp_source.location) }
  end
  m.target = { version = image.version, release = image.release }
  local function number(l) return l.version * 100 + l.release end
  if number(from) >= number(image) then
    add { id = "level", host = m.name, evidence = "oslevel -s: " .. client,
      what = ("the client is at %d.%d already; lpp_source %s brings %d.%d"):format(from.version, from.release, m.lpp_source.name,
        image.version, image.release),
      remedy = "for technology levels and service packs of the same release use nim -o cust, not a migration" }
  end
  if number(to) < number(image) then
    add { id = "master-level", host = m.master.name, evidence = "oslevel -s: " .. master,
      what = "the NIM master is below the level of the lpp_source", remedy = "migrate the master first" }
  end
end

function checks.target_disk(m, add)
  local _, disks = aix.lspv(m.client:must { "lspv" })
  local vg = aix.lsvg(m.client:must { "lsvg", "rootvg" })
  local sizes = 0
  for name, disk in pairs(disks) do
    if disk.vg == "altinst_rootvg" or disk.vg == "old_rootvg" then
      add { id = "leftover", host = m.name, what = ("%s holds %s of an earlier run"):format(name, disk.vg),
        remedy = ("nimadm -C -c %s -s %s   (or: alt_rootvg_op -X %s)"):format(m.name, m.spot.name, disk.vg) }
    end
  end
  for _, name in ipairs(m.disks) do
    local disk = disks[name]
    if not disk then
      add { id = "no-disk", host = m.name, what = ("there is no disk %s"):format(name), evidence = "lspv", remedy = "cfgmgr; lspv" }
    elseif disk.vg and disk.vg ~= "altinst_rootvg" and disk.vg ~= "old_rootvg" then
      add { id = "disk-in-use", host = m.name, what = ("0505-126 target disk %s has a volume group assigned to it: %s")
        :format(name, disk.vg), evidence = "lspv", remedy = "choose a free disk" }
    else
      local size = tonumber(m.client:run({ "getconf", "DISK_SIZE", "/dev/" .. name }).stdout:match("%d+"))
      sizes = sizes + (size or 0)
      if not size then
        add { id = "disk-size", host = m.name, what = ("cannot tell the size of %s"):format(name),
          evidence = "getconf DISK_SIZE /dev/" .. name }
      end
    end
  end
  local needed = vg.used_pps and vg.pp_size and vg.used_pps * vg.pp_size
  if needed and sizes > 0 and sizes < needed then
    add { id = "disk-too-small", host = m.name, what = ("%s: %d MB, but rootvg uses %d MB"):format(table.concat(m.disks, " "),
      sizes, needed), evidence = "lsvg rootvg; getconf DISK_SIZE", remedy = "choose a larger disk, or remove what rootvg does not need" }
  end
end

function checks.leftovers(m, add)
  for line in m.client:must({ "mount" }):gmatch("[^\n]+") do
    if line:match("%s/alt_inst%s") then
      add { id = "alt-inst-mounted", host = m.name, what = "/alt_inst is mounted", evidence = line,
        remedy = ("nimadm -C -c %s -s %s"):format(m.name, m.spot.name) }
      break
    end
  end
end

function checks.multibos(m, add)
  if m.client:must({ "lsvg", "-l", "rootvg" }):match("bos_hd5") then
    add { id = "multibos", host = m.name, what = "rootvg holds a standby BOS (bos_hd5)", remedy = "multibos -R" }
  end
end

--- Files of -e, -i and -o, read and understood before anything is changed.
function checks.resources(m, add)
  for _, kind in ipairs(m:named_resources()) do
    local ok, text_or_error, said = xpcall(m.read_resource, err.wrap, m, kind)
    if not ok then
      if text_or_error.status ~= 3 then error(text_or_error, 0) end
      add { id = kind, host = m[kind].host == "local" and "engine host" or m.master.name, what = text_or_error.message,
        remedy = ("mend %s, or leave the flag out"):format(m[kind].location) }
    elseif kind == "bosinst_data" then
      for _, disk in ipairs(said.disks) do
        if not (" " .. table.concat(m.disks, " ") .. " "):find(" " .. disk .. " ", 1, true) then
          add { id = "bosinst_data", severity = "warning", host = m.name,
            what = ("target_disk_data of %s names %s; the copy is made on %s"):format(m[kind].location, disk, table.concat(m.disks, " ")) }
        end
      end
    end
  end
end

--- Runs all checks; returns the findings.
---@return altmig.Finding[]
function check.run(m)
  local findings = {}
  local function add(finding)
    finding.severity = finding.severity or "inhibitor"
    findings[#findings + 1] = finding
  end
  for _, name in ipairs { "levels", "target_disk", "resources", "leftovers", "multibos" } do checks[name](m, add) end
  return findings
end

return check
