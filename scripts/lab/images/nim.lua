-- SPDX-License-Identifier: MIT
-- The NIM objects of the master, as rows of the classes nim_object and nim_attr.

local objects = {
  { "master", "machines", "master", {
    { "max_nimesis_threads", "20" }, { "if_defined", "chrp.64.ent" }, { "comments", "machine which controls the NIM environment" },
    { "platform", "chrp" }, { "netboot_kernel", "64" }, { "if1", "lab_net adachi-nim 0" }, { "cable_type1", "N/A" },
    { "Cstate", "ready for a NIM operation" }, { "prev_state", "ready for a NIM operation" }, { "Mstate", "currently running" },
    { "serves", "LPP_SOURCE" }, { "serves", "BASELINE" }, { "serves", "SPOT" }, { "serves", "boot" }, { "serves", "nim_script" },
    { "master_port", "1058" }, { "registration_port", "1059" }, { "reserved", "yes" } } },
  { "boot", "resources", "boot", {
    { "comments", "represents the network boot resource" }, { "Rstate", "ready for use" }, { "location", "/tftpboot" },
    { "alloc_count", "0" }, { "server", "master" }, { "reserved", "yes" } } },
  { "nim_script", "resources", "nim_script", {
    { "comments", "directory containing customization scripts created by NIM" }, { "Rstate", "ready for use" },
    { "location", "/export/nim/scripts" }, { "alloc_count", "0" }, { "server", "master" }, { "reserved", "yes" } } },
  { "lab_net", "networks", "ent", {
    { "Nstate", "ready for use" }, { "prev_state", "information is missing from this object's definition" } } },
  { "adachi-AIX7", "machines", "standalone", {
    { "connect", "nimsh" }, { "platform", "chrp" }, { "netboot_kernel", "64" }, { "if1", "lab_net adachi-AIX7 0" },
    { "cable_type1", "N/A" }, { "Cstate", "ready for a NIM operation" }, { "prev_state", "not running" },
    { "Mstate", "currently running" }, { "cpuid", "00F621AB4C00" }, { "Cstate_result", "success" } } },
}

--- resources: of lab.config.
return function(resources)
  local list = table.move(objects, 1, #objects, 1, {})
  for _, source in ipairs { resources.lpp_source, resources.baseline } do
    list[#list + 1] = { source.name, "resources", "lpp_source", {
      { "arch", "power" }, { "Rstate", "ready for use" }, { "prev_state", "unavailable for use" }, { "location", source.location },
      { "simages", "yes" }, { "alloc_count", "0" }, { "server", "master" } } }
  end
  local spot = resources.spot
  local version, release, modification = spot.level:match("^(%d)(%d)00%-(%d%d)")
  list[#list + 1] = { spot.name, "resources", "spot", {
    { "plat_defined", "chrp" }, { "arch", "power" }, { "bos_license", "yes" }, { "Rstate", "ready for use" },
    { "prev_state", "verification is being performed" }, { "location", spot.location }, { "version", version }, { "release", release },
    { "mod", tostring(tonumber(modification)) }, { "oslevel_r", spot.level:sub(1, 7) }, { "alloc_count", "0" }, { "server", "master" },
    { "if_supported", "chrp.64 ent" }, { "Rstate_result", "success" } } }
  local served = { LPP_SOURCE = resources.lpp_source.name, BASELINE = resources.baseline.name, SPOT = spot.name }
  local rows = { nim_object = {}, nim_attr = {} }
  for id, object in ipairs(list) do
    table.insert(rows.nim_object, { name = object[1], class = object[2], type = object[3], id = tostring(id) })
    for seqno, pair in ipairs(object[4]) do
      table.insert(rows.nim_attr, { id = tostring(id), attribute = pair[1], value = served[pair[2]] or pair[2], seqno = seqno })
    end
  end
  return rows
end
