#!/usr/lpp/lab/bin/aixlua
-- path: /usr/bin/lslpp
-- part: all
-- lslpp -L | -l | -h [-q] [-c] [Fileset ...], lslpp -w [File ...], lslpp -f Fileset ...

local getopt = require "lab.getopt"
local swvpd = require "lab.swvpd"

local function usage(message)
  if message then io.stderr:write("lslpp: ", message, "\n") end
  io.stderr:write("Usage: lslpp {-L | -l | -h | -f} [-q] [-c] [FilesetName ...]\n       lslpp -w [-q] [-c] [FileName ...]\n")
  os.exit(1, true)
end

local options, names = getopt(arg, "LlhfwqcaIO:", usage)
local db = swvpd.open()
local status = 0

local letters = { [swvpd.states.committed] = "C", [swvpd.states.applied] = "A", [swvpd.states.broken] = "B" }
local words = { [swvpd.states.committed] = "COMMITTED", [swvpd.states.applied] = "APPLIED", [swvpd.states.broken] = "BROKEN" }

local function check(value, message)
  if value then return value end
  io.stderr:write("lslpp: ", message, "\n")
  os.exit(1, true)
end

local function to_pattern(word) return "^" .. word:gsub("%p", "%%%0"):gsub("%%%*", ".*"):gsub("%%%?", ".") .. "$" end

-- The filesets asked for, sorted; says which are not there.
local function wanted(filesets)
  local list, seen = {}, {}
  local function add(row)
    if not seen[row.name] then
      seen[row.name] = true
      list[#list + 1] = row
    end
  end
  for _, word in ipairs(#names > 0 and names or { "all" }) do
    local pattern, found = word == "all" and ".*" or to_pattern(word), false
    for name, row in pairs(filesets) do
      if name:find(pattern) then
        add(row)
        found = true
      end
    end
    if not found and word ~= "all" then
      io.stderr:write(("/usr/bin/lslpp: Fileset %s not installed.\n\n"):format(word))
      status = 1
    end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

local function list_L()
  local list = wanted(check(db:filesets()))
  if options.c then
    if not options.q then
      print("#Package Name:Fileset:Level:State:PTF Id:Fix State:Type:Description:Destination Dir.:Uninstaller:Message Catalog:"
        .. "Message Set:Message Number:Parent:Automatic:EFIX Locked:Install Path:Build Date")
    end
    for _, row in ipairs(list) do
      print(("%s:%s:%s: : :%s:%s:%s: : : : : : :0:0:/:%s"):format(row.package, row.name, row.level, letters[row.state] or "?",
        row.update and "F" or " ", row.description, row.date))
    end
    return
  end
  if not options.q and #list > 0 then
    print("  Fileset                      Level  State  Type  Description (Uninstaller)")
    print("  " .. ("-"):rep(76))
  end
  for _, row in ipairs(list) do
    print(("  %-26s %10s    %s     %s    %s"):format(row.name, row.level, letters[row.state] or "?", row.update and "F" or " ",
      row.description))
  end
  if not options.q and #list > 0 then
    print("\n\nState codes:\n A -- Applied.\n B -- Broken.\n C -- Committed.\n E -- EFIX Locked.\n"
      .. " O -- Obsolete.  (partially migrated to newer version)"
      .. "\n ? -- Inconsistent State...Run lppchk -v.")
  end
end

local function each_part(fn)
  for _, part in ipairs { "usr", "root" } do
    local filesets = db:part(part) or {}
    local list = {}
    if #names == 0 then
      for _, row in pairs(filesets) do list[#list + 1] = row end
    else
      for _, word in ipairs(names) do
        for name, row in pairs(filesets) do
          if word == "all" or name:find(to_pattern(word)) then list[#list + 1] = row end
        end
      end
    end
    table.sort(list, function(a, b) return a.name < b.name end)
    fn(part, list)
  end
end

local function list_l()
  local any = false
  if options.c and not options.q then print("#Fileset:Level:PTF Id:State:Type:Description:EFIX Locked") end
  if not options.c and not options.q then
    print("  Fileset                      Level  State      Description         ")
    print("  " .. ("-"):rep(76))
  end
  each_part(function(part, list)
    if #list > 0 and not options.c then print("Path: " .. swvpd.directories[part]) end
    for _, row in ipairs(list) do
      any = true
      if options.c then
        print(("%s:%s:%s::%s:%s:%s:"):format(swvpd.directories[part], row.name, row.level, words[row.state] or "?",
          row.update and "F" or "I", row.description))
      else
        print(("  %-26s %10s  %-9s  %s"):format(row.name, row.level, words[row.state] or "?", row.description))
      end
    end
    if #list > 0 and not options.c then print("") end
  end)
  if not any then
    for _, name in ipairs(names) do io.stderr:write(("/usr/bin/lslpp: Fileset %s not installed.\n\n"):format(name)) end
    status = #names > 0 and 1 or 0
  end
end

local function list_h()
  print("  Fileset         Level     Action       Status       Date         Time        ")
  print("  " .. ("-"):rep(76))
  each_part(function(part, list)
    if #list > 0 then print("\nPath: " .. swvpd.directories[part]) end
    for _, row in ipairs(list) do
      print("  " .. row.name)
      for _, h in ipairs(db.stores[part]:get("history", "lpp_id = " .. row.id) or {}) do
        print(("  %23s   %-11s  %-11s  %-11s  %s"):format(("%d.%d.%d.%d"):format(h.ver, h.rel, h.mod, h.fix), "COMMIT", "COMPLETE",
          os.date("!%m/%d/%y", h.time), os.date("!%H:%M:%S", h.time)))
      end
    end
  end)
end

local function list_files()
  each_part(function(part, list)
    for _, row in ipairs(list) do
      print("Path: " .. swvpd.directories[part])
      print(("  %s %s"):format(row.name, row.level))
      for _, file in ipairs(db.stores[part]:get("inventory", "lpp_id = " .. row.id) or {}) do
        print((" "):rep(30) .. file.loc0)
      end
    end
  end)
end

local function owners()
  if not options.q then
    if options.c then
      print("#File:Fileset:Type")
    else
      print("  File                                        Fileset               Type")
      print("  " .. ("-"):rep(76))
    end
  end
  local kinds = { [0] = "File", "Directory", "Symlink" }
  for _, part in ipairs { "usr", "root" } do
    local by_id = {}
    for name, row in pairs(db:part(part) or {}) do by_id[row.id] = name end
    for _, file in ipairs(db.stores[part]:get("inventory") or {}) do
      local match = #names == 0
      for _, word in ipairs(names) do match = match or file.loc0:find(to_pattern(word)) ~= nil end
      if match then
        local form = options.c and "%s:%s:%s" or "  %-43s %-21s %s"
        print(form:format(file.loc0, by_id[file.lpp_id] or "?", kinds[file.file_type] or "File"))
      end
    end
  end
end

if options.L then
  list_L()
elseif options.h then
  list_h()
elseif options.w then
  owners()
elseif options.f then
  list_files()
else
  list_l()
end
os.exit(status, true)
