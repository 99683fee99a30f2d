-- SPDX-License-Identifier: MIT
-- Software databases of made-up systems, for the tests of what reads them.

local odm = require "altmig.odm"
local swvpd = require "altmig.swvpd"
local sys = require "altmig.sys"

local case = {}

-- The classes as they are on AIX; of inventory the names are known, the types are not.
local definition = [[
class lpp { char name[145]; long size; short state; long cp_flag; vchar group[22]; char magic_letter[2]; short ver; short rel;
  short mod; short fix; vchar description[82]; short lpp_id; };
class product { char lpp_name[145]; char comp_id[20]; short update; long cp_flag; char fesn[10]; vchar name[42]; short state;
  short ver; short rel; short mod; short fix; char ptf[10]; short media; char sceded_by[10]; vchar fixinfo[1024];
  vchar prereq[1024]; vchar description[1024]; vchar supersedes[512]; };
class history { short lpp_id; short event; short ver; short rel; short mod; short fix; char ptf[10]; char corr_svn[40];
  char cp_mod[10]; char cp_fix[10]; char login_name[18]; short state; long time; vchar comment[192]; };
class inventory { short lpp_id; char private[2]; short file_type; short format; vchar loc0[1024]; vchar loc1[1024];
  vchar loc2[1024]; long size; long checksum; };
]]

--- Makes the repository of one part below a directory.
---@param dir string
---@param part string   usr, root or share
---@param rows { [1]: string, [2]: table }[]   class and object
function case.repository(dir, part, rows)
  assert(sys.makedirs(dir .. swvpd.directories[part]))
  local store <close> = assert(odm.open(dir, swvpd.directories[part]))
  for _, class in ipairs(assert(odm.definitions(definition))) do assert(store:create(class.name, class.descriptors)) end
  for _, row in ipairs(rows) do assert(store:add(row[1], row[2])) end
  assert(store:commit())
end

return case
