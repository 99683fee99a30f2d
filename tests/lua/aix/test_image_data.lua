-- SPDX-License-Identifier: MIT
local lu = require "luaunit"
local imagedata = require "altmig.imagedata"

local image = [[
# what mkszfile writes above its stanzas

image_data:
	IMAGE_TYPE= bff
	DATE_TIME= Tue Dec  5 10:00:00 2023
	NEW_FIELD_OF_2031= kept as it is@

logical_volume_policy:
	SHRINK= no
	EXACT_FIT= no

vendor_stanza:
    X=1

vg_data:
	VGNAME= rootvg
	PPSIZE= 64
	VARYON= yes


lv_data:
	VOLUME_GROUP= rootvg
	LOGICAL_VOLUME= hd5
	TYPE= boot
	COPIES= 1
	LPs= 1
	LABEL= primary_bootlv

lv_data:
	VOLUME_GROUP= rootvg
	LOGICAL_VOLUME= hd4
	TYPE= jfs2
	COPIES= 1
	LPs= 8
	LABEL= /
	MAPFILE=

fs_data:
	FS_NAME= /
	FS_SIZE= 1048576
	FS_LV= /dev/hd4
]]
image = image:gsub("@", "\t")

local bosinst = [[
control_flow:
    CONSOLE = Default
    INSTALL_METHOD = migrate
    PROMPT = no

target_disk_data:
    HDISKNAME = hdisk2

locale:
    BOSINST_LANG = C
]]

local function refused(text, read, code, words)
  local doc, message, why = imagedata.parse(text, "res")
  if doc and read then doc, message, why = read(doc) end
  lu.assertNil(doc, words)
  lu.assertEquals(why, code)
  lu.assertStrContains(message, words)
  lu.assertStrContains(message, "res: line ")
end

TestImageData = {}

function TestImageData:test_unknown_fields_stanzas_blanks_and_order_are_kept()
  local doc = assert(imagedata.parse(image))
  lu.assertEquals(doc:format(), image)
  assert(doc:set(doc:all("lv_data")[2], "LPs", "12"))
  assert(doc:set(doc:all("lv_data")[2], "MAPFILE", " /tmp/map"))
  local expected = image:gsub("LPs= 8", "LPs= 12"):gsub("MAPFILE=", "MAPFILE= /tmp/map")
  lu.assertEquals(doc:format(), expected)
  lu.assertEquals(doc:all("lv_data")[2]:get "LPs", "12")
  lu.assertEquals(doc:all("image_data")[1]:get "NEW_FIELD_OF_2031", "kept as it is")
  lu.assertNil(doc:set(doc:all("lv_data")[2], "NOPE", "1"))
  lu.assertNil(doc:set(doc:all("lv_data")[2], "LPs", "1\nlv_data:"))
end

function TestImageData:test_what_an_image_says()
  local said = assert(imagedata.image(assert(imagedata.parse(image))))
  lu.assertEquals(said.pp_mb, 64)
  lu.assertEquals(said.shrink, "no")
  lu.assertEquals(said.volumes[2], { name = "hd4", type = "jfs2", lps = 8, copies = 1, label = "/" })
end

function TestImageData:test_cut_at_each_byte_it_is_refused_or_a_shorter_file_of_whole_stanzas()
  for _, case in ipairs { { image, imagedata.image }, { bosinst, imagedata.bosinst } } do
    local text, read = table.unpack(case)
    for length = 0, #text - 1 do
      local doc, message, code = imagedata.parse(text:sub(1, length), "cut")
      if doc then
        lu.assertEquals(text:sub(length, length), "\n", length)
        lu.assertEquals(doc:format(), text:sub(1, length), length)
        local _
        _, message, code = read(doc)
      end
      if code then
        lu.assertStrMatches(code, "IMAGE_DATA.*")
        lu.assertStrContains(message, "cut: line ")
      end
    end
  end
  -- Without its boot logical volume no image is whole.
  refused(image:sub(1, image:find("lv_data:", 1, true) - 1), imagedata.image, "IMAGE_DATA_TRUNCATED", "no lv_data of type boot")
end

--- mkszfile writes comments between stanzas too; whatever is a comment stays where it is.
function TestImageData:test_comments_anywhere_are_kept()
  local text = image:gsub("\nvg_data:", "\n##Command used for vg_data; /usr/sbin/lsvg\n\nvg_data:"):gsub("\tSHRINK", "# within\n\tSHRINK")
    .. "\n# at the end\n"
  local doc = assert(imagedata.parse(text))
  lu.assertEquals(doc:format(), text)
  lu.assertEquals(#doc:all "lv_data", 2)
  local found = assert(imagedata.image(doc))
  lu.assertEquals(found.pp_mb, 64)
  lu.assertEquals(found.shrink, "no")
end

function TestImageData:test_empty_numbers_are_left_to_alt_disk_copy()
  local text = image:gsub("LPs= %d+", "LPs="):gsub("COPIES= 1", "COPIES= "):gsub("SHRINK= no", "SHRINK=")
  local volumes = assert(imagedata.image(assert(imagedata.parse(text)))).volumes
  lu.assertEquals({ #volumes, volumes[1].copies }, { 2, 1 })
  lu.assertNil(volumes[1].lps)
end

function TestImageData:test_an_empty_ppsize_is_left_to_alt_disk_copy()
  local found = assert(imagedata.image(assert(imagedata.parse((image:gsub("PPSIZE= 64", "PPSIZE="))))))
  lu.assertNil(found.pp_mb)
  lu.assertEquals(#found.volumes, 2)
end

function TestImageData:test_wrong_stanzas()
  refused("", nil, "IMAGE_DATA_TRUNCATED", "no stanza")
  refused("\n\n# only words\n", nil, "IMAGE_DATA_TRUNCATED", "no stanza")
  refused("\tLPs= 1\n", nil, "IMAGE_DATA", "field LPs stands in no stanza")
  refused("a:\n\tX= 1\n\n\tY= 2\n", nil, "IMAGE_DATA", "field Y stands in no stanza")
  refused("a:\n\tX= 1\n\tX= 2\n", nil, "IMAGE_DATA", "field X twice")
  refused("a:\n\tX= 1\nb:\n", nil, "IMAGE_DATA", "no blank line before stanza b")
  refused("a:\n\tno field\n", nil, "IMAGE_DATA", "no field")
  refused("a stanza\n", nil, "IMAGE_DATA", "no stanza name")
  refused("a:\n\tX= \0\n", nil, "IMAGE_DATA", "no text")
  refused("a:\n\tX= \27[2J\n", nil, "IMAGE_DATA", "no text")
  refused("a:\n\tX= " .. ("y"):rep(5000) .. "\n", nil, "IMAGE_DATA", "longer than")
  refused(("\n"):rep(100001), nil, "IMAGE_DATA", "more than")
end

function TestImageData:test_an_image_that_makes_no_rootvg()
  local function changed(from, to, words, code)
    local text, n = image:gsub(from, to, 1)
    lu.assertEquals(n, 1, from)
    refused(text, imagedata.image, code or "IMAGE_DATA", words)
  end
  changed("VGNAME= rootvg", "VGNAME= datavg", "expected rootvg")
  changed("PPSIZE= 64", "PPSIZE= 63", "power of two")
  changed("PPSIZE= 64", "PPSIZE= 0", "expected 1 to")
  changed("LPs= 8", "LPs= 99999999999999999999", "expected 1 to")
  changed("LPs= 8", "LPs= -1", "expected 1 to")
  changed("\tLPs= 8\n", "", "is missing")
  changed("COPIES= 1", "COPIES= 4", "expected 1 to 3")
  changed("LOGICAL_VOLUME= hd4", "LOGICAL_VOLUME= ../hd4", "is no name")
  changed("LOGICAL_VOLUME= hd4", "LOGICAL_VOLUME= hd5", "twice")
  changed("FS_LV= /dev/hd4", "FS_LV= /dev/hd9", "no logical volume of this file")
  changed("SHRINK= no", "SHRINK= maybe", "expected yes or no")
  changed("image_data:", "other_data:", "image_data is needed")
  changed("TYPE= boot", "TYPE= jfs2", "no lv_data of type boot", "IMAGE_DATA_TRUNCATED")
end

function TestImageData:test_bosinst()
  local doc = assert(imagedata.parse(bosinst))
  lu.assertEquals(assert(imagedata.bosinst(doc)), { method = "migrate", disks = { "hdisk2" } })
  lu.assertEquals(doc:format(), bosinst)
  refused(image, imagedata.bosinst, "IMAGE_DATA", "control_flow")
  refused((bosinst:gsub("migrate", "guess")), imagedata.bosinst, "IMAGE_DATA", "no method")
  refused((bosinst:gsub("hdisk2", "$(reboot)")), imagedata.bosinst, "IMAGE_DATA", "no disk name")
end
