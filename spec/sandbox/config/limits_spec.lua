local config = require "kavach.sandbox.config"

local function check(options) return config.check(options, 1) end

local function misuse(options)
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

local function limits(options)
  local c = assert(check(options))
  return { c.cpu_limit, c.memory_limit_mb, c.max_pids or "any", c.read_only_rootfs,
    c.network.enabled }
end

describe("A sandbox policy", function()
  it("by name, in any case, is a preset", function()
    assert.same({ 1, 256, 64, true, false }, limits { policy = "minimal" })
    assert.same({ 2, 512, "any", false, false }, limits { policy = "Basic" })
    assert.same({ 0.5, 256, 32, true, false }, limits { policy = "STRICT" })
  end)

  it("is 'basic' if there is none", function()
    assert.same(limits { policy = "basic" }, limits {})
  end)

  it("of no known name is an error that says the names", function()
    assert.equal("unknown policy: lax (use minimal, basic, strict)", refused { policy = "lax" })
    assert.equal("unknown policy:  (use minimal, basic, strict)", refused { policy = "" })
  end)

  it("can be a table of limits; what it leaves out is as without it", function()
    assert.same({ 0.25, 512, 9, false, false },
      limits { policy = { cpu_limit = 0.25, max_pids = 9, network = { enabled = false } } })
  end)

  it("gives way to limits in the options themselves", function()
    assert.same({ 3, 256, 5, false, false },
      limits { policy = "minimal", cpu_limit = 3, max_pids = 5, read_only_rootfs = false })
    assert.equal(7, check { policy = { disk_mb = 9, max_pids = 1 }, disk_mb = 7 }.disk_mb)
  end)

  it("does not change under whoever gives it", function()
    local policy, options = { cpu_limit = 1 }, { policy = nil, max_pids = 3 }
    options.policy = policy
    check(options)
    assert.same({ { cpu_limit = 1 }, { policy = policy, max_pids = 3 } }, { policy, options })
    check { policy = "strict", network = { enabled = false } }
    assert.same({ 0.5, 256, 32, true, false }, limits { policy = "strict" })
  end)

  it("with an unknown key names the nearest", function()
    assert.matches("policy: unknown option 'max_pid' (did you mean 'max_pids'?)",
      misuse { policy = { max_pid = 3 } }, 1, true)
    assert.matches("'policy'", misuse { policy = { policy = "basic" } }, 1, true)
  end)

  it("with a wrong value says where it is", function()
    assert.matches("policy.max_pids must be an integer", misuse { policy = { max_pids = "x" } },
      1, true)
    assert.matches("policy must be a string or a table, got a number", misuse { policy = 3 }, 1,
      true)
  end)
end)

describe("The limits", function()
  it("refuse what is no limit", function()
    for name, values in pairs {
      max_pids = { 0, -1, 1.5, "64", 1 << 40 }, disk_mb = { 0, 3, -1, 1.5, "10", 1 << 40 },
      read_only_rootfs = { 1, "yes" },
    } do
      for _, value in ipairs(values) do
        assert.matches(name, misuse { [name] = value }, 1, true)
      end
    end
  end)

  it("refuse less of a processor than the guest's kernel can count", function()
    assert.matches("cpu_limit = 0.009 cannot be enforced", refused { cpu_limit = 0.009 }, 1, true)
    assert.is_table(check { cpu_limit = 0.01 })
  end)

  it("refuse a disk that the host could read, with sev-snp", function()
    local c = assert(check { disk_mb = 8 })
    assert.is_true(config.check_backend(c, "tcg"))
    assert.is_true(config.check_backend(c, "kvm"))
    local ok, why = config.check_backend(c, "sev-snp")
    assert.is_nil(ok)
    assert.equal("disk_mb", why.option)
    assert.matches("allow_unmeasured", why.message, 1, true)
    assert.is_true(config.check_backend(check { disk_mb = 8, allow_unmeasured = true }, "sev-snp"))
  end)
end)

describe("What the guest is told of its limits", function()
  local storage = require "kavach.sandbox.storage"
  local wire = require "kavach.sandbox.wire"

  local function told(options)
    local step = storage.limits(assert(check(options)))
    if not step then return nil end
    assert.equal(wire.LIMITS, step.kind)
    return { string.unpack("<I4I4I4", step.payload) }
  end

  it("is nothing, if the size of the VM says it all", function()
    assert.is_nil(told {})
    assert.is_nil(told { policy = "basic", cpu_limit = 3, disk_mb = 5 })
  end)

  it("is a fraction of a processor, of each tenth of a second", function()
    assert.same({ wire.LIMIT_CPU, 50000, 0, 13 }, told { cpu_limit = 0.5 })
    assert.same({ wire.LIMIT_CPU, 133300, 0, 13 }, told { cpu_limit = 1.333 })
  end)

  it("is the number of processes, and that the root is read-only", function()
    assert.same({ wire.LIMIT_PROCESSES | wire.LIMIT_READ_ONLY, 0, 12, 13 },
      told { max_pids = 12, read_only_rootfs = true })
  end)
end)
