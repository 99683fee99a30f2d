-- What every tree must do, whatever is behind it. A test file calls this with a function that
-- returns a tree over an empty directory and the directory itself.

local lu = require "luaunit"
local sys = require "altmig.sys"

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
    lu.assertTrue(t:prove())
  end
end
