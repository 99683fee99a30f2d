-- SPDX-License-Identifier: MIT
-- What every tree must do, whatever is behind it. A test file calls this with a function that
-- returns a tree over an empty directory and the directory itself.

local lu = require "luaunit"
local sys = require "altmig.sys"
local bff = require "altmig.bff"

local function archive(members)
  local path = os.tmpname()
  local w = assert(bff.create(path, {}))
  for _, m in ipairs(members) do
    m.mode, m.uid, m.gid, m.mtime = m.mode or 420, m.uid or 0, m.gid or 0, m.mtime or 1500000000
    assert(w:add(m))
  end
  assert(w:close())
  local a = assert(bff.open(path))
  os.remove(path)
  return a
end

---@param class table           the luaunit class to fill; class.tree and class.dir are set by setUp
return function(class)
  function class:test_write_read_and_attributes()
    local t = self.tree
    lu.assertTrue(t:write("/a", "one\0two", { mode = 4 * 512 + 493, uid = 7, gid = 8, mtime = 1500000000.5 }))
    lu.assertEquals(t:read("/a"), "one\0two")
    local st = t:stat("/a")
    lu.assertEquals({ st.type, st.mode, st.uid, st.gid, st.size }, { "file", 4 * 512 + 493, 7, 8, 7 })
    lu.assertEquals({ st.mtime, st.mtime_nsec }, { 1500000000, 500000000 })
    lu.assertTrue(t:write("/a", "", { mtime = 1600000000, mtime_nsec = 123456789 }))
    st = t:stat("/a")
    lu.assertEquals({ st.mode, st.uid, st.gid, st.size }, { 4 * 512 + 493, 7, 8, 0 })
    lu.assertEquals({ st.mtime, st.mtime_nsec }, { 1600000000, 123456789 })
    lu.assertEquals(t:list("/"), { "a" })
  end

  function class:test_large_file_through_a_reader()
    local t = self.tree
    local data = {}
    for i = 1, 400000 do data[i] = ("%07d\n"):format(i) end
    data = table.concat(data)
    lu.assertTrue(t:write("/big", data))
    lu.assertEquals(t:stat("/big").size, #data)
    local reader, parts = t:open("/big"), {}
    repeat
      local part = reader:read(100000)
      parts[#parts + 1] = part
    until part == ""
    reader:close()
    lu.assertTrue(table.concat(parts) == data)
    lu.assertEquals(sys.read_file(self.dir .. "/big", 1 << 30) == data, true)
    local text, message, code = t:read("/big", 1000)
    lu.assertNil(text)
    lu.assertEquals(code, "E2BIG")
    lu.assertStrContains(message, "/big")
  end

  function class:test_beginnings_of_many_files()
    local t, names = self.tree, {}
    assert(t:mkdir("/d"))
    for i = 1, 300 do
      names[i] = "f" .. i
      if i % 3 > 0 then assert(t:write("/d/f" .. i, ("%d "):format(i):rep(i))) end
    end
    assert(t:mkdir("/d/f3"))
    assert(t:symlink("f1", "/d/f6"))
    assert(t:symlink("../../etc/passwd", "/d/f9"))
    local count = 0
    for i, data, st, code in t:heads("/d", names, 100) do
      count = count + 1
      lu.assertEquals(i, count)
      local same = i == 6 and 1 or i
      local text = ("%d "):format(same):rep(same)
      if i == 3 then
        lu.assertEquals({ data, st.type }, { "", "dir" })
      elseif i == 9 then
        lu.assertEquals({ data, code }, { nil, "OUTSIDE_TREE" })
      elseif i % 3 > 0 or i == 6 then
        lu.assertEquals({ data, st.type, st.size }, { text:sub(1, 100), "file", #text })
      else
        lu.assertEquals({ data, code }, { nil, "ENOENT" })
        lu.assertStrContains(st, "/d/f" .. i)
      end
    end
    lu.assertEquals(count, 300)
    -- Lengths of each; left in the middle, and the tree is as before.
    for i, data, st in t:heads("/d", { "f1", "f2", "f300", "f299" }, { 0, 2, 0, 1 << 20 }) do
      if i == 3 then break end
      lu.assertEquals({ data, st.size }, i == 1 and { "", 2 } or { "2 ", 4 })
    end
    lu.assertEquals(t:read("/d/f2"), "2 2 ")
    for _ in t:heads("/d", {}, 10) do lu.fail "there is none" end
    local heads, message, code = t:heads("/none", { "x" }, 10)
    lu.assertNil(heads)
    lu.assertEquals(code, "ENOENT")
    lu.assertStrContains(message, "/none")
    lu.assertErrorMsgContains("list of strings expected", t.heads, t, "/d", { 1 }, 10)
    lu.assertErrorMsgContains("NUL byte", t.heads, t, "/d", { "a\0b" }, 10)
    lu.assertFalse(pcall(t.heads, t, "/d", { "a" }, -1))
    lu.assertFalse(pcall(t.heads, t, "/d", { "a", "b" }, { 1 }))
  end

  -- Every call that changes something, each with what is there for it to change.
  local function changes(t, again)
    return {
      write = function() return t:write("/new", "x") end, mkdir = function() return t:mkdir("/newdir") end,
      makedirs = function() return t:makedirs("/newdir/below") end, symlink = function() return t:symlink("there", "/newlink") end,
      link = function() return t:link("/there", "/newname") end, rename = function() return t:rename("/there", "/moved") end,
      remove = function() return t:remove("/there") end, remove_all = function() return t:remove_all("/there") end,
      mknod = function() return t:mknod("/fifo", "fifo") end, chmod = function() return t:chmod("/there", 448) end,
      chown = function() return t:chown("/there", 7, 7) end, lchown = function() return t:lchown("/there", 7, 7) end,
      utime = function() return t:utime("/there", 1, 1) end, copy = function() return t:copy("/there", "/copied") end,
      restore = function() return t:restore(again()) end,
    }
  end

  local function one_file() return archive { { name = "./restored", type = "file", data = "x" } } end

  function class:test_a_frozen_tree_refuses_every_change_and_reads_on()
    local t = self.tree
    lu.assertTrue(t:write("/there", "content"))
    local before = t:digest("/", { times = true })
    for _, face in ipairs { t, t:raising(function() end) } do
      t:freeze("looking only")
      for name, change in pairs(changes(face, one_file)) do
        local done, message, code = change()
        lu.assertNil(done, name)
        lu.assertEquals(code, "READ_ONLY", name)
        lu.assertStrContains(message, "looking only", false, name)
      end
      lu.assertEquals(face:read("/there"), "content")
      lu.assertEquals(t:digest("/", { times = true }), before)
      t:freeze(nil)
    end
    for _, name in ipairs { "chmod", "write", "restore" } do lu.assertNotNil(changes(t, one_file)[name](), name) end
  end

  function class:test_a_raising_face_raises_where_a_change_fails()
    local t = self.tree
    local raised
    local face = t:raising(function(message, code)
      raised = { message, code }
      error { code = code, message = message }
    end)
    lu.assertTrue(face:write("/f", "x"))
    lu.assertEquals(t:read("/f"), "x")
    for name, fn in pairs { write = function() face:write("/none/f", "x") end, mkdir = function() face:mkdir("/f") end,
      makedirs = function() face:makedirs("/f/x") end, symlink = function() face:symlink("x", "/f") end,
      link = function() face:link("/none", "/g") end, rename = function() face:rename("/none", "/g") end,
      remove = function() face:remove("/none") end, remove_all = function() face:remove_all("/") end,
      mknod = function() face:mknod("/f", "fifo") end, chmod = function() face:chmod("/none", 448) end,
      chown = function() face:chown("/none", 1, 1) end, lchown = function() face:lchown("/none", 1, 1) end,
      utime = function() face:utime("/none", 1, 1) end, copy = function() face:copy("/none", "/g") end,
      restore = function() face:restore(archive { { name = "../out", type = "file", data = "x" } }) end } do
      raised = nil
      local ok, e = pcall(fn)
      lu.assertFalse(ok, name)
      lu.assertEquals({ e.message, e.code }, raised, name)
    end
    raised = nil
    lu.assertFalse((face:exists "/none"))
    lu.assertEquals({ select(3, face:stat "/none"), select(3, face:readlink "/none"), select(3, face:read "/none") },
      { "ENOENT", "ENOENT", "ENOENT" })
    lu.assertNil(raised)
    lu.assertErrorMsgContains("raises already", face.raising, face, print)
  end

  function class:test_a_raising_face_is_the_same_tree()
    local t = self.tree
    local face = t:raising(error)
    lu.assertTrue(t:write("/f", "x"))
    lu.assertTrue(t:copy("/f", "/g", { tree = face }))
    lu.assertTrue(face:copy("/f", "/h", { tree = t }))
    lu.assertEquals({ rawequal(face:plain(), t), rawequal(t:plain(), t) }, { true, true })
    local seen = 0
    for _ in face:walk("/") do seen = seen + 1 end
    lu.assertEquals(seen, 4)
    do
      local dropped = setmetatable({ t:raising(error) }, { __mode = "v" })
      collectgarbage()
      lu.assertNil(dropped[1])
    end
    lu.assertEquals(t:read("/h"), "x")
    t:close()
    lu.assertErrorMsgContains("closed", face.read, face, "/h")
    lu.assertEquals(tostring(face), "tree (closed)")
    face:close()
  end

  function class:test_errors_have_codes_and_places()
    local t = self.tree
    local _, message, code = t:read("/none")
    lu.assertEquals(code, "ENOENT")
    lu.assertStrMatches(message, "open: .*/none: No such file or directory")
    assert(t:mkdir("/d"))
    assert(t:write("/d/f", "x"))
    lu.assertEquals(select(3, t:remove("/d")), "ENOTEMPTY")
    lu.assertEquals(select(3, t:mkdir("/d")), "EEXIST")
    lu.assertEquals(select(3, t:symlink("x", "/d")), "EEXIST")
    lu.assertEquals(select(3, t:list("/d/f")), "ENOTDIR")
    lu.assertEquals(select(3, t:read("/d")), "EISDIR")
    lu.assertEquals(select(3, t:readlink("/d/f")), "EINVAL")
    lu.assertEquals(select(3, t:write("/no/such/dir", "x")), "ENOENT")
    lu.assertErrorMsgContains("NUL", t.read, t, "/a\0b")
    lu.assertErrorMsgContains("out of range", t.chmod, t, "/d", 010000 + 1 << 20)
  end

  function class:test_links_stay_inside()
    local t, dir = self.tree, self.dir
    assert(t:makedirs("/usr/bin"))
    assert(t:symlink("/usr/bin", "/bin"))
    assert(t:write("/bin/ls", "ls"))
    lu.assertEquals(t:read("/usr/bin/ls"), "ls")
    lu.assertEquals(t:resolve("/bin/ls"), "/usr/bin/ls")
    assert(sys.symlink("../../../../../../../../etc/passwd", dir .. "/up"))
    assert(sys.symlink(dir, dir .. "/self"))
    assert(sys.symlink("loop", dir .. "/loop"))
    lu.assertEquals(select(3, t:read("/up")), "OUTSIDE_TREE")
    lu.assertEquals(select(3, t:write("/up", "x")), "OUTSIDE_TREE")
    lu.assertEquals(select(3, t:list("/self")), "ENOENT")
    lu.assertEquals(select(3, t:read("/loop")), "ELOOP")
    lu.assertEquals(select(3, t:read("/usr/../../x")), "OUTSIDE_TREE")
    local st = t:stat("/bin")
    lu.assertEquals({ st.type, st.target }, { "link", "/usr/bin" })
    lu.assertEquals(t:stat("/bin", { follow = true }).type, "dir")
    lu.assertTrue(t:exists("/up"))
    lu.assertFalse(t:exists("/usr/bin/none"))
  end

  function class:test_link_rename_remove()
    local t = self.tree
    assert(t:write("/a", "1"))
    assert(t:link("/a", "/b"))
    lu.assertEquals(t:stat("/b").nlink, 2)
    assert(t:write("/a", "2"))
    lu.assertEquals(t:read("/b"), "1")
    assert(t:rename("/a", "/b"))
    lu.assertEquals(t:read("/b"), "2")
    lu.assertFalse(t:exists("/a"))
    assert(t:remove("/b"))
    assert(t:makedirs("/x/y/z"))
    assert(t:symlink("/x", "/x/y/z/back"))
    assert(t:remove_all("/x"))
    assert(t:remove_all("/x"))
    lu.assertEquals(t:list("/"), {})
  end

  function class:test_moved_directory_is_found_under_its_new_name_only()
    local t = self.tree
    assert(t:makedirs("/one/sub"))
    assert(t:write("/one/sub/f", "first"))
    assert(t:rename("/one", "/two"))
    assert(t:mkdir("/one"))
    assert(t:mkdir("/one/sub"))
    assert(t:write("/one/sub/f", "second"))
    lu.assertEquals(t:read("/two/sub/f"), "first")
    lu.assertEquals(t:read("/one/sub/f"), "second")
  end

  function class:test_owner_mode_and_times()
    local t = self.tree
    assert(t:write("/s", "x"))
    assert(t:chmod("/s", 4 * 512 + 493))
    lu.assertEquals(t:stat("/s").mode, 4 * 512 + 493)
    assert(t:chown("/s", 3, -1))
    lu.assertEquals(t:stat("/s").uid, 3)
    assert(t:mkdir("/sticky", 512 + 511))
    lu.assertEquals(t:stat("/sticky").mode, 512 + 511)
    assert(t:symlink("s", "/l"))
    assert(t:lchown("/l", 5, 6))
    lu.assertEquals(t:stat("/l").gid, 6)
    lu.assertEquals(t:stat("/s").gid, 0)
    assert(t:utime("/s", 1, 2.25))
    local st = t:stat("/s")
    lu.assertEquals({ st.atime, st.mtime, st.mtime_nsec }, { 1, 2, 250000000 })
  end

  function class:test_special_files()
    local t = self.tree
    assert(t:mknod("/null", "char", 438, 1, 3))
    assert(t:mknod("/pipe", "fifo", 384))
    local st = t:stat("/null")
    lu.assertEquals({ st.type, st.mode, st.rdev_major, st.rdev_minor }, { "char", 438, 1, 3 })
    lu.assertEquals(t:stat("/pipe").type, "fifo")
    lu.assertEquals(select(3, t:read("/pipe")), "EINVAL")
    lu.assertErrorMsgContains("'block'", t.mknod, t, "/x", "file")
  end

  function class:test_walk_digest_copy()
    local t = self.tree
    assert(t:makedirs("/a/b"))
    assert(t:write("/a/b/f", "text", { mtime = 1500000000 }))
    assert(t:write("/a.txt", "text"))
    assert(t:symlink("b/f", "/a/l"))
    local seen = {}
    for path, st in t:walk("/") do seen[#seen + 1] = path .. ":" .. st.type .. ":" .. (st.target or "") end
    lu.assertEquals(seen, { "/:dir:", "/a:dir:", "/a/b:dir:", "/a/b/f:file:", "/a/l:link:b/f", "/a.txt:file:" })
    assert(t:copy("/a", "/c"))
    lu.assertEquals(t:digest("/a"), t:digest("/c"))
    local exact = { times = true, exclude = { "l" } } -- some servers do not set the times of links
    lu.assertEquals(t:digest("/a", exact), t:digest("/c", exact))
    assert(t:write("/c/b/f", "texT"))
    lu.assertNotEquals(t:digest("/a"), t:digest("/c"))
    lu.assertEquals(t:digest("/a", { exclude = { "f" } }), t:digest("/c", { exclude = { "/c/b/f", "f" } }))
    local one, two = t:digest_list("/a"), t:digest_list("/c")
    lu.assertEquals(one["/a/l"], two["/c/l"])
    lu.assertNotEquals(one["/a/b/f"], two["/c/b/f"])
    seen = {}
    for path, st in t:walk("/a", { sum = true, exclude = { "/c", "l" } }) do seen[path] = st.sum or st.type end
    lu.assertEquals(seen, { ["/a"] = "dir", ["/a/b"] = "dir", ["/a/b/f"] = sys.sum "text" })
    for _, st in t:walk("/a.txt", { sum = true }) do lu.assertEquals({ st.sum, st.size }, { sys.sum "text", 4 }) end
    lu.assertErrorMsgContains("exclude is for", t.walk, t, "/", { exclude = { "x" } })
    lu.assertEquals(select(3, t:walk("/none", { sum = true })), "ENOENT")
    local nothing, from_walk, _, closing = t:walk("/a")
    lu.assertEquals(nothing(from_walk), "/a")
    closing:close()
    lu.assertEquals(select(3, t:walk("/none")), "ENOENT")
  end

  function class:test_many_names_and_odd_ones()
    local t = self.tree
    local names = {}
    for i = 1, 700 do names[i] = ("file with a longer name %04d"):format(i) end
    names[#names + 1] = ("x"):rep(255)
    names[#names + 1] = "\xff\xfe odd"
    table.sort(names)
    assert(t:mkdir("/d"))
    for _, name in ipairs(names) do assert(sys.write_file(self.dir .. "/d/" .. name, "", { atomic = false })) end
    lu.assertEquals(t:list("/d"), names)
    assert(t:write("/d/" .. ("x"):rep(255), "long"))
    lu.assertEquals(t:read("/d/" .. ("x"):rep(255)), "long")
    lu.assertEquals(t:list("/d"), names)
    lu.assertEquals(select(3, t:write("/d/" .. ("x"):rep(256), "long")), "ENAMETOOLONG")
  end

  function class:test_df_and_mounts()
    local t = self.tree
    local df = t:df("/")
    lu.assertTrue(df.total >= df.free and df.free >= df.avail and df.avail > 0)
    local mounts = t:mounts()
    lu.assertEquals(mounts[1].at, "/")
    lu.assertEquals(mounts[1].fsid, t:stat("/").fsid)
    lu.assertTrue(t:drop_caches())
    lu.assertTrue(t:check_mounts())
  end

  local function standard()
    return archive {
      { name = ".", type = "dir", mode = 493 },
      { name = "./usr", type = "dir", mode = 493 },
      { name = "./usr/bin", type = "dir", mode = 365, uid = 2, gid = 2, mtime = 1400000000 },
      { name = "./usr/bin/su", type = "file", mode = 4 * 512 + 365, uid = 3, data = "set uid" },
      { name = "./usr/bin/one", type = "file", data = ("1"):rep(300000), ino = 5, nlink = 2 },
      { name = "./usr/bin/two", type = "file", data = ("1"):rep(300000), ino = 5, nlink = 2 },
      { name = "./etc/rc", type = "file", mode = 448, data = "" },
      { name = "./usr/lib", type = "link", mode = 511, target = "/usr/ccs/lib" },
      { name = "./dev/null", type = "char", mode = 438, rdev_major = 2, rdev_minor = 2 },
      { name = "./dev/pipe", type = "fifo", mode = 384 },
    }
  end

  function class:test_restore_and_verify()
    local t, calls = self.tree, 0
    local a <close> = standard()
    local stats = assert(t:restore(a, { on_progress = function(s)
      calls = calls + 1
      lu.assertTrue(s.members >= 0)
    end }))
    lu.assertEquals({ stats.files + stats.links, stats.dirs, stats.devices, stats.members }, { 5, 3, 2, 10 })
    lu.assertEquals(stats.moved, {})
    lu.assertTrue(calls >= 1)
    local st = t:stat("/usr/bin")
    lu.assertEquals({ st.mode, st.uid, st.gid, st.mtime }, { 365, 2, 2, 1400000000 })
    st = t:stat("/usr/bin/su")
    lu.assertEquals({ st.mode, st.uid, st.mtime, t:read("/usr/bin/su") }, { 4 * 512 + 365, 3, 1500000000, "set uid" })
    lu.assertEquals(t:stat("/usr/bin/one").ino, t:stat("/usr/bin/two").ino)
    lu.assertEquals(t:stat("/etc").mode, 493)
    lu.assertEquals(t:stat("/usr/lib").target, "/usr/ccs/lib")
    lu.assertEquals(t:stat("/dev/null").rdev_minor, 2)
    local again <close> = standard()
    lu.assertEquals(t:verify(again, { times = true }), {})
    assert(t:write("/usr/bin/su", "SET uid"))
    assert(t:chmod("/etc/rc", 420))
    assert(t:remove("/usr/lib"))
    assert(t:mkdir("/usr/lib"))
    assert(t:remove("/dev/pipe"))
    local third <close> = standard()
    local found = {}
    for _, d in ipairs(t:verify(third)) do found[#found + 1] = d.path .. " " .. d.what .. " " .. d.want .. " " .. d.have end
    lu.assertEquals(found, { "/usr/bin/su content  ", "/etc/rc mode 0700 0644", "/usr/lib type link dir", "/dev/pipe missing fifo " })
    local fourth <close> = standard()
    assert(t:restore(fourth))
    local fifth <close> = standard()
    lu.assertEquals(t:verify(fifth, { times = true }), {})
  end

  function class:test_restore_selects()
    local t = self.tree
    local a <close> = standard()
    local stats = assert(t:restore(a, { select = { "./usr/bin" }, exclude = { "two" } }))
    lu.assertEquals(stats.members, 3)
    lu.assertEquals(t:list("/"), { "usr" })
    lu.assertEquals(t:list("/usr/bin"), { "one", "su" })
    local b <close> = standard()
    assert(t:restore(b, { select = function(path) return path == "/etc/rc" end }))
    lu.assertEquals(t:list("/etc"), { "rc" })
    local c <close> = standard()
    local ok, message, code = t:restore(c, { on_progress = function() error("stop here") end })
    lu.assertNil(ok)
    lu.assertEquals(code, "CALLBACK")
    lu.assertStrContains(message, "stop here")
  end

  function class:test_restore_makes_room()
    local t = self.tree
    assert(t:makedirs("/usr/bin/su/full"))
    assert(t:makedirs("/usr/lib"))
    assert(t:makedirs("/etc"))
    assert(t:write("/keep", "old"))
    assert(t:link("/keep", "/etc/rc"))
    assert(t:write("/dev", "a file"))
    local a <close> = standard()
    local stats = assert(t:restore(a, { exclude = { "/dev/*" } }))
    lu.assertEquals(stats.moved, { "/usr/bin/su.altmig-old" })
    lu.assertEquals(t:read("/usr/bin/su"), "set uid")
    lu.assertEquals(t:list("/usr/bin/su.altmig-old"), { "full" })
    lu.assertEquals(t:stat("/usr/lib").type, "link")
    lu.assertEquals(t:read("/keep"), "old")
    lu.assertEquals(t:read("/etc/rc"), "")
    local d <close> = archive { { name = "./dev", type = "dir", mode = 493 } }
    assert(t:restore(d))
    lu.assertEquals(t:stat("/dev").type, "dir")
  end

  function class:test_restore_refuses_hostile_names()
    local t = self.tree
    assert(t:mkdir("/etc"))
    assert(t:makedirs("/usr/bin"))
    assert(t:symlink("/usr/bin", "/bin"))
    assert(sys.symlink("../../..", self.dir .. "/out"))
    for _, members in ipairs {
      { { name = "/etc/passwd", type = "file", data = "x" } },
      { { name = "./etc/../../passwd", type = "file", data = "x" } },
      { { name = "./a", type = "link", target = "/etc" }, { name = "./a/passwd", type = "file", data = "x" } },
      { { name = "./a", type = "link", target = "../../../../etc" }, { name = "./a/passwd", type = "file", data = "x" } },
      { { name = "./bin/a", type = "link", target = "/etc" }, { name = "./usr/bin/a/passwd", type = "file", data = "x" } },
      { { name = "./out/tmp/x", type = "file", data = "x" } },
    } do
      local a <close> = archive(members)
      local ok, message, code = t:restore(a)
      lu.assertNil(ok)
      lu.assertTrue(code == "ARCHIVE_PATH" or code == "OUTSIDE_TREE", code)
      lu.assertStrContains(message, members[#members].name)
      lu.assertStrContains(message, "offset")
      lu.assertEquals(t:list("/etc"), {})
      t:remove("/a")
    end
    -- a link of the system itself is the way to a directory of the system
    local b <close> = archive { { name = "./bin", type = "link", mode = 511, target = "/usr/bin" },
      { name = "./bin/ls", type = "file", data = "ls" } }
    assert(t:restore(b))
    lu.assertEquals(t:read("/usr/bin/ls"), "ls")
  end
end
