local core = require "kavach.core"
local lfs = require "lfs"

local function write(path, mode)
  local f = assert(io.open(path, "w"))
  f:write "#!/bin/sh\n"
  f:close()
  assert(os.execute(("chmod %s '%s'"):format(mode, path)))
end

describe("finding QEMU", function()
  local dir

  before_each(function()
    dir = os.tmpname()
    os.remove(dir)
    assert(lfs.mkdir(dir))
  end)

  after_each(function() os.execute(("rm -rf '%s'"):format(dir)) end)

  it("takes the file that is named", function()
    write(dir .. "/q", "755")
    assert.equal(dir .. "/q", core.qemu_find(dir .. "/q"))
  end)

  it("says why a named file cannot be run", function()
    write(dir .. "/q", "644")
    for path, why in pairs {
      [dir .. "/none"] = "No such file", [dir .. "/q"] = "Permission denied",
      [dir] = "is a directory", ["/dev/null"] = "not a regular file",
    } do
      local found, message, kind = core.qemu_find(path)
      assert.is_nil(found)
      assert.matches(path, message, 1, true)
      assert.matches(why, message)
      assert.equal("backend_unavailable", kind)
    end
  end)

  it("looks for a name without a slash, and names it if there is none", function()
    assert.matches("^/.*/sh$", core.qemu_find "sh")
    local found, message = core.qemu_find "no-such-qemu"
    assert.is_nil(found)
    assert.matches("no no%-such%-qemu in PATH", message)
  end)

  --- What a fresh interpreter with that environment finds.
  local function find_with(environment)
    local script = dir .. "/find.lua"
    local f = assert(io.open(script, "w"))
    f:write(("package.path, package.cpath = %q, %q\n"):format(package.path, package.cpath),
      'io.write(tostring(require "kavach.core".qemu_find()))')
    f:close()
    local p = assert(io.popen(("%s '%s' %s '%s'"):format("env", environment, arg[-1] or "lua5.4",
      script)))
    local output = p:read "a"
    p:close()
    return output
  end

  it("goes through PATH in order, past what cannot be run", function()
    for i, mode in ipairs { "644", "755", "755" } do
      assert(lfs.mkdir(dir .. "/" .. i))
      write(("%s/%d/qemu-system-x86_64"):format(dir, i), mode)
    end
    assert(lfs.mkdir(dir .. "/0"))
    assert(lfs.mkdir(dir .. "/0/qemu-system-x86_64"))
    assert.equal(dir .. "/2/qemu-system-x86_64",
      find_with(("PATH=%s/0:%s/1:%s/2:%s/3:/usr/bin:/bin"):format(dir, dir, dir, dir)))
  end)

  it("skips what is relative or empty in PATH", function()
    write(dir .. "/qemu-system-x86_64", "755")
    local to_root = lfs.currentdir():gsub("/[^/]*", "../"):gsub("/$", "")
    assert.is_string(lfs.attributes(to_root .. dir, "mode"))
    assert.not_equal(to_root .. dir .. "/qemu-system-x86_64",
      find_with(("PATH=:%s:/usr/bin:/bin"):format(to_root .. dir)))
  end)

  it("believes KAVACH_QEMU over PATH", function()
    write(dir .. "/mine", "755")
    assert.equal(dir .. "/mine", find_with(("KAVACH_QEMU=%s/mine"):format(dir)))
  end)
end)
