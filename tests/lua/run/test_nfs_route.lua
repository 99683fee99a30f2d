-- SPDX-License-Identifier: MIT
-- By whom the client's NFS server is called, and where.

local lu = require "luaunit"
local host = require "altmig.run.host"
local route = require "altmig.run.nfs_route"

TestNfsRoute = {}

-- A migration whose client's sshd sees a connection as `connection` says.
local function migration(nfs, connection, engine)
  return { name = "lpar", client_resource = { ssh = { host = "lpar.example" }, nfs = nfs },
    nim = { path = "nim.lua", engine_address = function() return engine end },
    client = setmetatable({ must_script = function(_, text)
      lu.assertEquals(text, "echo $SSH_CONNECTION")
      return connection or "10.0.0.1 40000 10.0.0.2 22\n"
    end }, { __index = host }) }
end

function TestNfsRoute:test_by_itself_the_engine_host_calls()
  local m = migration()
  lu.assertEquals(route.caller(m), "10.0.0.1")
  local url, via = route.of(m)
  lu.assertNil(via)
  lu.assertEquals(url "/alt_inst", "nfs://lpar.example/alt_inst")
  m = migration({ host = "lpar-nfs", options = "nfsport=2050" }, nil, "engine")
  lu.assertEquals(route.caller(m), "engine")
  lu.assertEquals(route.of(m) "/alt_inst/usr", "nfs://lpar-nfs/alt_inst/usr?nfsport=2050")
end

function TestNfsRoute:test_through_ssh_the_client_calls_itself()
  local m = migration({ via = "ssh" }, nil, "engine")
  lu.assertEquals(route.caller(m), "10.0.0.2")
  local url, via = route.of(m)
  lu.assertIs(via, m.client_resource.ssh)
  lu.assertEquals(url "/alt_inst", "nfs://10.0.0.2/alt_inst")
  m = migration { via = "ssh", host = "loopback" }
  lu.assertEquals(route.caller(m), "loopback")
  lu.assertEquals(route.of(m) "/alt_inst", "nfs://loopback/alt_inst")
  lu.assertEquals(route.caller(migration({ via = "ssh" }, "::ffff:10.0.0.1 1 ::ffff:10.0.0.2 22\n")), "10.0.0.2")
end

function TestNfsRoute:test_what_no_list_of_hosts_can_hold()
  for _, case in ipairs { { nil, "engine = {" }, { { via = "ssh" }, 'via = "ssh", host =' } } do
    for connection, text in pairs { ["\n"] = "SSH_CONNECTION is empty", ["fe80::1%eth0 1 fe80::2%eth0 22\n"] = "cannot hold" } do
      local ok, e = pcall(route.caller, migration(case[1], connection))
      lu.assertFalse(ok)
      lu.assertEquals(e.code, "ENGINE_ADDRESS")
      lu.assertStrContains(e.message, text)
      lu.assertStrContains(e.remedy, case[2])
    end
  end
end
