local core = require "kavach.core"
local host = require "support.host"
local lfs = require "lfs"

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

describe("a private file", function()
  local folder = assert(core.private_dir())
  teardown(function() core.remove_dir(folder) end)

  it("is its owner's alone, and so are the folders above it", function()
    assert.is_true(core.private_directory(folder .. "/a/b"))
    assert.is_true(core.private_directory(folder .. "/a/b"))
    assert.is_true(core.private_file(folder .. "/a/b/key", "secret\0"))
    assert.equal("secret\0", read(folder .. "/a/b/key"))
    for path, mode in pairs { ["/a"] = "rwx------", ["/a/b"] = "rwx------",
      ["/a/b/key"] = "rw-------" } do
      assert.equal(mode, lfs.attributes(folder .. path, "permissions"))
    end
  end)

  it("replaces the one before it, and leaves nothing else behind", function()
    assert.is_true(core.private_file(folder .. "/twice", "first"))
    assert.is_true(core.private_file(folder .. "/twice", "second"))
    assert.equal("second", read(folder .. "/twice"))
    for name in lfs.dir(folder) do assert.not_matches("twice.", name, 1, true) end
  end)

  it("says why it cannot be there", function()
    host.write(folder .. "/file", "x")
    for _, result in ipairs {
      { core.private_file(folder .. "/none/key", "x") },
      { core.private_directory(folder .. "/file") },
      { core.private_directory(folder .. "/file/below") },
    } do
      assert.is_nil(result[1])
      assert.matches(folder, result[2], 1, true)
      assert.equal("io", result[3])
    end
  end)
end)
