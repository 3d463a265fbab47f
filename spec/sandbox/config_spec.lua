local config = require "kavach.sandbox.config"

local function check(options) return config.check(options, 1) end

-- What misuse says.
local function raised(options)
  local ok, message = pcall(check, options)
  assert.is_false(ok)
  return message
end

local function refused(options)
  local checked, why = check(options)
  assert.is_nil(checked)
  assert.equal("invalid_argument", why.kind)
  return why.message
end

describe("A sandbox's options", function()
  it("have defaults", function()
    local c = check {}
    assert.same({ "auto", "agent", 512, 2, 30000, 2000, 1024 * 1024, false },
      { c.backend, c.transport, c.memory_limit_mb, c.cpu_limit, c.timeout_ms, c.grace_ms,
        c.max_output, c.keep })
  end)

  it("suggest the nearest key for one that is not known", function()
    assert.matches("did you mean 'memory_limit_mb'?", raised { memory_limit = 3 }, 1, true)
  end)

  it("refuse limits that are negative, zero, fractional, huge, or no number", function()
    local nan = 0 / 0
    for _, mb in ipairs { -1, 0, 1.5, 1 << 62, math.huge, nan, "512" } do
      assert.matches("memory_limit_mb", raised { memory_limit_mb = mb }, 1, true)
    end
    for _, cpus in ipairs { -1, 0, 256, 1e9, math.huge, nan, "2" } do
      assert.matches("cpu_limit", raised { cpu_limit = cpus }, 1, true)
    end
    for _, name in ipairs { "timeout_ms", "grace_ms", "boot_timeout_ms", "heartbeat_ms" } do
      for _, ms in ipairs { -1, 0.5, 1 << 62 } do
        assert.matches(name, raised { [name] = ms }, 1, true)
      end
    end
    assert.matches("max_output", raised { max_output = -1 }, 1, true)
  end)

  it("refuse more memory than the machine has, and say how much that is", function()
    assert.matches("at most %d+, the memory of this machine", raised { memory_limit_mb = 1 << 40 })
  end)

  it("are error values, not raised, where no level is given", function()
    local checked, why = config.check { memory_limit_mb = 0 }
    assert.is_nil(checked)
    assert.equal("invalid_argument", why.kind)
  end)

  it("refuse by name what this version does not enforce", function()
    for name, value in pairs {
      secrets = {},
    } do
      assert.matches(name, refused { [name] = value }, 1, true)
    end
  end)

  it("take what asks for nothing that is not so anyway", function()
    assert.is_table(check {
      network = { enabled = false }, read_only_rootfs = false, cpu_limit = 1.0,
    })
  end)

  it("refuse names and values that no environment can have", function()
    for _, env in ipairs { { ["A=B"] = "1" }, { [""] = "1" }, { ["A\0"] = "1" }, { A = "\0" },
      { A = 1 }, { "A=1" } } do
      assert.matches("env", raised { env = env }, 1, true)
    end
    assert.is_table(check { env = { A = "", B = "x=y\n" } })
  end)
end)

describe("A mount", function()
  local folder
  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir -p '" .. folder .. "/with, comma' && touch '" .. folder .. "/file'"))
  end)
  teardown(function() os.execute("rm -rf '" .. folder .. "'") end)

  it("is read-only unless it is asked to be otherwise", function()
    local c = check { mounts = {
      { source = folder, target = "/a/" }, { source = folder, target = "/b", readonly = false },
    } }
    assert.same({ { source = folder, target = "/a", readonly = true },
      { source = folder, target = "/b", readonly = false } }, c.mounts)
  end)

  it("of a file or a missing path is an error that names it", function()
    assert.matches(folder .. "/file: Not a directory",
      refused { mounts = { { source = folder .. "/file", target = "/a" } } }, 1, true)
    assert.matches(folder .. "/none: No such file",
      refused { mounts = { { source = folder .. "/none", target = "/a" } } }, 1, true)
  end)

  it("of a path with a comma is nothing special", function()
    local path = folder .. "/with, comma"
    assert.equal(path, check { mounts = { { source = path, target = "/a" } } }.mounts[1].source)
  end)

  it("of a relative path is of that in the working directory", function()
    local source = check { mounts = { { source = "spec", target = "/a" } } }.mounts[1].source
    assert.matches("^/.*/spec$", source)
  end)

  it("needs an absolute target that is not the root, and each one once", function()
    for _, target in ipairs { "a", "", "/", "//", "/a/../etc", "/./a", "/a\0",
      "/" .. ("a"):rep(4095), "/proc", "//sys/fs", "/dev/shm" } do
      local message = raised { mounts = { { source = folder, target = target } } }
      assert.matches("target", message, 1, true)
    end
    assert.matches("'/a' twice", refused { mounts = {
      { source = folder, target = "/a" }, { source = folder, target = "//a/" },
    } }, 1, true)
  end)

  it("needs both of its ends", function()
    assert.matches("required", raised { mounts = { { source = folder } } }, 1, true)
    assert.matches("required", raised { mounts = { { target = "/a" } } }, 1, true)
  end)
end)
