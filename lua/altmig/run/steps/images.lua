-- SPDX-License-Identifier: MIT
-- Phase 6 of an update: the lpp_source in the copy on the client, whose installp reads it. It is there for that phase
-- alone: an NFS server does not lead over its own mounts, so nothing else can be looked at in that place meanwhile.

local footprint = require "altmig.run.footprint"
local nim = require "altmig.nim"
local saveconf = require "altmig.save"

---@class altmig.Migration
local images = { steps = {} }

local at = footprint.root .. footprint.images

images.steps.mount_client_images = {
  run = function(m)
    local location, client = m.lpp_source.location, nim.node_of(m.client_resource)
    m:export_images()
    footprint.make_mount_point(m.copy, m)
    if not m.client:mounted(at) then
      -- hard: a read that times out would end an installation half-way.
      m.client:must({ "mount", "-o", "ro,vers=3,hard,intr", nim.node_of(m.nim:master()) .. ":" .. location, at },
        { remedy = ("on %s: does exportfs list %s with access for %s?"):format(m.master.name, location, client) })
    end
    m.client:must({ "test", "-d", at .. "/installp/ppc" },
      { remedy = ("the lpp_source %s has no installp/ppc at %s of %s"):format(m.lpp_source.name, location, m.master.name) })
  end,
  holds = function(m)
    return m.client:mounted(at) ~= nil and m.client:holds { "test", "-d", at .. "/installp/ppc" }
  end,
}

--- Shows the lpp_source in the copy, and lets the client write there.
function images.provide_images(m)
  saveconf.prepare(m.copy) -- installp makes its log there, and no directory for it
  m:hand_over("client")
  m:mount_client_images()
end

--- Takes the lpp_source from the client.
function images.unmount_images(m)
  if m.client:mounted(at) then
    m.client:must(m.master.unreachable and { "umount", "-f", at } or { "umount", at })
  end
end

--- Takes the lpp_source away again, from both.
function images.remove_images(m)
  m:unmount_images()
  m:unexport_images()
end

return images
