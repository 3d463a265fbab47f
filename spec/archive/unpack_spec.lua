local core = require "kavach.core"
local host = require "support.host"
local lfs = require "lfs"
local process = require "kavach.process"
local tar = require "support.tar"

local ARCHIVE <const> = core.helper_dir() .. "/archive"

local function exists(path) return lfs.symlinkattributes(path) ~= nil end

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

describe("Unpacking an archive of a guest's", function()
  local folder, remove, target
  setup(function() folder, remove = host.folder() end)
  teardown(function() remove() end)
  before_each(function() target = folder .. "/target" end)
  after_each(function() assert(os.execute(("rm -rf '%s'/*"):format(folder))) end)

  local function unpack(bytes, limits)
    limits = limits or {}
    return assert(process.exec({ ARCHIVE, "unpack", target, tostring(limits.bytes or 1000000),
      tostring(limits.entries or 100) }, { stdin = bytes }))
  end

  local function unpacked(list)
    local r = unpack(tar.archive(list))
    assert.same({ 0, "" }, { r.exit_code, r.stderr })
  end

  -- Fails, says so, and leaves nothing: neither of the target nor beside it.
  local function refused(list, message, limits)
    local r = unpack(type(list) == "string" and list or tar.archive(list), limits)
    assert.equal(1, r.exit_code)
    assert.matches(message, r.stderr, 1, true)
    for name in lfs.dir(folder) do
      assert.is_true(name == "." or name == "..", name .. " was left behind")
    end
  end

  it("gives files, folders and links, with their modes and times", function()
    unpacked {
      { name = "./", type = "folder", mode = 493, mtime = 1000000000 },
      { name = "./d/", type = "folder", mode = 488, mtime = 1000000001 },
      { name = "./d/f", bytes = "hello", mode = 416, mtime = 1000000002 },
      { name = "./link", type = "symlink", target = "d/f" },
      { name = "./d/up", type = "symlink", target = "../d/./f" },
      { name = "./d/hard", type = "hard", target = "./d/f" },
      { name = "no/folder/of/its/own", bytes = "x" },
      { name = "d/empty", mode = 256 },
    }
    assert.equal("hello", read(target .. "/d/f"))
    assert.equal("hello", read(target .. "/link"))
    assert.equal("hello", read(target .. "/d/up"))
    assert.equal("x", read(target .. "/no/folder/of/its/own"))
    assert.equal(0, lfs.attributes(target .. "/d/empty", "size"))
    local function has(path, permissions, time)
      local found = assert(lfs.symlinkattributes(target .. path))
      assert.same({ permissions, time }, { found.permissions, found.modification })
    end
    has("", "rwxr-xr-x", 1000000000)
    has("/d", "rwxr-x---", 1000000001)
    has("/d/f", "rw-r-----", 1000000002)
    assert.equal(2, lfs.attributes(target .. "/d/f", "nlink"))
  end)

  it("gives no set-user-ID, set-group-ID or sticky bit, and no closed folder", function()
    unpacked {
      { name = "suid", mode = 2559 }, -- 04777
      { name = "sgid", mode = 1527 }, -- 02767
      { name = "d", type = "folder", mode = 512 }, -- 01000
      { name = "d/f" },
    }
    local r = assert(process.exec { "stat", "-c", "%a", target .. "/suid", target .. "/sgid",
      target .. "/d" })
    assert.equal("777\n767\n700\n", r.stdout)
  end)

  it("takes names of any bytes, and long ones", function()
    local odd, long = "\255\1 \n'$x", ("n"):rep(250)
    local longest = table.concat({ long, long, long }, "/")
    unpacked {
      { name = odd, bytes = "1" },
      { name = "././@LongLink", type = "L", bytes = longest .. "\0" },
      { name = longest:sub(1, 100), bytes = "2" },
    }
    assert.equal("1", read(target .. "/" .. odd))
    assert.equal("2", read(target .. "/" .. longest))
  end)

  for what, case in pairs {
    ["an absolute path"] = { { { name = "/tmp/x" } }, "/tmp/x: an absolute path" },
    ["'..'"] = { { { name = "../x" } }, "../x: a path with '..'" },
    ["'..' further on"] = { { { name = "a/../../x" } }, "a/../../x: a path with '..'" },
    ["'..' at the end"] = { { { name = "a/..", type = "folder" } }, "a path with '..'" },
    ["a folder called '..'"] = { { { name = "..", type = "folder" } }, "a path with '..'" },
    ["a FIFO"] = { { { name = "f", type = "fifo" } }, "f: a FIFO" },
    ["a device"] = { { { name = "null", type = "char" } }, "null: a device" },
    ["a block device"] = { { { name = "sda", type = "block" } }, "sda: a device" },
    ["an absolute symbolic link"] =
      { { { name = "etc", type = "symlink", target = "/etc" } }, "etc: a symbolic link to '/etc'" },
    ["a symbolic link out"] =
      { { { name = "a/b", type = "symlink", target = "../../x" } }, "which leads out" },
    ["a symbolic link to the parent"] =
      { { { name = "a", type = "symlink", target = ".." } }, "which leads out" },
    -- a/b/c is the root, so a/b/c/.. is above it though it does not look so.
    ["a symbolic link out by way of another"] = { {
      { name = "a/b/c", type = "symlink", target = "../.." },
      { name = "out", type = "symlink", target = "a/b/c/.." },
    }, "which has '..' behind a name" },
    ["a file through a symbolic link"] = { {
      { name = "d", type = "folder" },
      { name = "l", type = "symlink", target = "d" },
      { name = "l/f", bytes = "x" },
    }, "l/f: it leads through 'l', which is no folder" },
    ["a file over a symbolic link"] = { {
      { name = "l", type = "symlink", target = "f" },
      { name = "l", bytes = "x" },
    }, "l: File exists" },
    ["a folder over a symbolic link"] = { {
      { name = "d", type = "folder" },
      { name = "l", type = "symlink", target = "d" },
      { name = "l", type = "folder" },
    }, "l: File exists" },
    ["a file twice"] = { { { name = "f" }, { name = "./f" } }, "./f: File exists" },
    ["a file below a file"] = { { { name = "f" }, { name = "f/g" } }, "which is no folder" },
    ["a hard link to a file of the host"] =
      { { { name = "h", type = "hard", target = "/etc/passwd" } }, "an absolute path" },
    ["a hard link out"] =
      { { { name = "h", type = "hard", target = "../x" } }, "a path with '..'" },
    ["a hard link to nothing"] =
      { { { name = "h", type = "hard", target = "x" } }, "which is no file here" },
    ["a hard link to a symbolic link"] = { {
      { name = "f" }, { name = "l", type = "symlink", target = "f" },
      { name = "h", type = "hard", target = "l" },
    }, "which is no file here" },
    ["a hard link through a symbolic link"] = { {
      { name = "d/f" }, { name = "l", type = "symlink", target = "d" },
      { name = "h", type = "hard", target = "l/f" },
    }, "which is no folder" },
    ["the folder itself as a link"] =
      { { { name = ".", type = "symlink", target = "x" } }, "the folder itself" },
    ["a name that is too long"] = { {
      { name = "././@LongLink", type = "L", bytes = ("n"):rep(256) .. "\0" },
      { name = "n" },
    }, "File name too long" },
    ["a path that is too long where the folder stands"] = { {
      { name = "././@LongLink", type = "L", bytes = ("d/"):rep(2047) .. "\0" },
      { name = ("d/"):rep(50), type = "folder" },
    }, "File name too long" },
    ["a path that is too long"] = { {
      { name = "././@LongLink", type = "L", bytes = ("n/"):rep(3000) .. "\0" },
      { name = "n" },
    }, "File name too long" },
    ["a size below zero"] = { { { name = "f", size = -1 } }, "" },
  } do
    it("refuses " .. what, function() refused(case[1], case[2]) end)
  end

  it("refuses more bytes than it may hold, before it writes them", function()
    local limits = { bytes = 1000 }
    refused({ { name = "f", bytes = ("x"):rep(1001) } }, "more than 1000 bytes: max_bytes", limits)
    refused({ { name = "f", bytes = ("x"):rep(600) }, { name = "g", bytes = ("x"):rep(600) } },
      "more than 1000 bytes", limits)
    refused(tar.entry { name = "f", size = 1 << 40 }, "more than 1000 bytes", limits)
    assert.equal(0, unpack(tar.archive { { name = "f", bytes = ("x"):rep(1000) } },
      limits).exit_code)
  end)

  it("counts holes as bytes", function()
    -- GNU's sparse format 1.0: one byte of data at the end of a terabyte.
    local map = ("1\n%d\n1\n"):format((1 << 40) - 1)
    local records = { "GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=f",
      "GNU.sparse.realsize=" .. (1 << 40) }
    for i, record in ipairs(records) do
      local size = #record + 4
      records[i] = ("%d %s\n"):format(size < 100 and size or size + 1, record)
    end
    refused({
      { name = "PaxHeaders/f", type = "x", bytes = table.concat(records) },
      { name = "GNUSparseFile.0/f", bytes = map .. ("\0"):rep(512 - #map) .. "x" },
    }, "more than 1000000 bytes")
  end)

  it("refuses more entries than it may hold", function()
    local list = {}
    for i = 1, 11 do list[i] = { name = "f" .. i } end
    refused(list, "more than 10 entries: max_entries", { entries = 10 })
  end)

  it("does not read for ever what does not end", function()
    -- Padding without end, and long names without an entry.
    refused(tar.archive { { name = "f" } } .. ("\0"):rep(4000000), "more than 1000 bytes",
      { bytes = 1000, entries = 10 })
    local name = tar.entry { name = "././@LongLink", type = "L", bytes = ("n"):rep(600000) }
    refused(name:rep(8), "", { bytes = 1000, entries = 10 })
  end)

  it("refuses what is no archive, and half of one", function()
    refused("", "the archive cannot be read")
    refused(("x"):rep(2000), "the archive cannot be read")
    refused(tar.entry { name = "f", bytes = ("x"):rep(5000) }:sub(1, 2000), "f: ")
  end)

  it("leaves alone what exists", function()
    assert(lfs.mkdir(target))
    local r = unpack(tar.archive { { name = "f" } })
    assert.equal(1, r.exit_code)
    assert.matches("File exists", r.stderr, 1, true)
    assert.is_false(exists(target .. "/f"))
    assert.is_true(exists(target))
  end)

  it("survives any bytes", function()
    local noise = require "support.noise"
    noise.begin()
    local whole = tar.archive {
      { name = "d/", type = "folder" }, { name = "d/f", bytes = ("x"):rep(700) },
      { name = "l", type = "symlink", target = "d/f" },
      { name = "h", type = "hard", target = "d/f" },
    }
    for _ = 1, 100 do
      local at = math.random(#whole)
      local bytes = whole:sub(1, at - 1) .. noise.bytes(math.random(1, 8)) .. whole:sub(at + 1)
      local r = unpack(bytes)
      assert.is_nil(r.signal, noise.said)
      assert.is_true(r.exit_code == 0 or r.stderr ~= "" and not exists(target), noise.said)
      for name in lfs.dir(folder) do
        assert.is_true(name == "." or name == ".." or name == "target", noise.said)
      end
      assert(os.execute(("rm -rf '%s'"):format(target)))
    end
  end)
end)

describe("Packing a folder", function()
  local folder, remove
  setup(function()
    folder, remove = host.folder()
    assert(os.execute(("cd '%s' && mkdir -p s/d s/e && echo hi >s/d/f && ln s/d/f s/hard && "
      .. "ln -s /etc/passwd s/abs && ln -s d/f s/l && chmod 750 s/d && chmod 640 s/d/f && "
      .. "touch -d @1000000000 s/d/f"):format(folder)))
  end)
  teardown(function() remove() end)

  local function pack(path, limits)
    limits = limits or {}
    return assert(process.exec({ ARCHIVE, "pack", path, tostring(limits.bytes or 1000000),
      tostring(limits.entries or 100) }))
  end

  it("gives an archive that others can read, the same each time", function()
    local r = pack(folder .. "/s")
    assert.same({ 0, "" }, { r.exit_code, r.stderr })
    local listed = assert(process.exec({ "busybox", "tar", "-tvf", "-" }, { stdin = r.stdout }))
    assert.matches("%-rw%-r%-%-%-%-%- 0/0 +3 2001%-09%-09 [%d:]+ d/f\n", listed.stdout)
    assert.matches("drwxr%-x%-%-%- 0/0 .* d/\n", listed.stdout)
    assert.matches("abs %-> /etc/passwd\n", listed.stdout)
    assert.matches("hard %-> d/f\n", listed.stdout)
    assert.equal(r.stdout, pack(folder .. "/s/").stdout)
  end)

  it("refuses what is no file, folder or link, and names it", function()
    assert(os.execute(("mkfifo '%s/s/d/pipe'"):format(folder)))
    local r = pack(folder .. "/s")
    assert(os.remove(folder .. "/s/d/pipe"))
    assert.equal(1, r.exit_code)
    assert.matches("/s/d/pipe: neither a file nor a folder nor a link", r.stderr, 1, true)
  end)

  it("refuses more than it may hold", function()
    assert.matches("more than 2 bytes: max_bytes", pack(folder .. "/s", { bytes = 2 }).stderr, 1,
      true)
    assert.matches("more than 3 entries: max_entries",
      pack(folder .. "/s", { entries = 3 }).stderr, 1, true)
  end)

  it("of no folder is an error that names it", function()
    local r = pack "/no/such/folder"
    assert.equal(1, r.exit_code)
    assert.matches("/no/such/folder: No such file", r.stderr, 1, true)
    assert.equal(2, assert(process.exec { ARCHIVE, "pack", "/tmp", "-1", "5" }).exit_code)
  end)
end)
