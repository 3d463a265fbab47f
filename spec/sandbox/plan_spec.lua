local config = require "kavach.sandbox.config"
local plan = require "kavach.sandbox.plan"
local wire = require "kavach.sandbox.wire"

local function planned(options)
  return plan.new(assert(config.check(options, 1)), "tcg", "/q")
end

local function kinds(self)
  local list = {}
  for i, step in ipairs(self.setup) do list[i] = step.kind end
  return list
end

describe("What the agent does before the first command", function()
  it("is nothing, if nothing is asked for", function()
    assert.same({}, kinds(planned {}))
    assert.same({}, kinds(planned { policy = "basic", memory_limit_mb = 128 }))
  end)

  it("begins with the root and ends with the limits, whatever is mounted between", function()
    local self = planned {
      policy = "strict", root = "spec", disk_mb = 8,
      mounts = { { source = "spec", target = "/a" }, { source = "lua", target = "/b" } },
    }
    plan.add_task_share(self, "/task", { transport = "share" })
    assert.same({ wire.ROOT, wire.MOUNT, wire.MOUNT, wire.MOUNT, wire.LIMITS }, kinds(self))
    assert.matches("task\0" .. plan.TASK_TARGET, self.setup[4].payload, 1, true)
    self = planned { mounts = { { source = "spec", target = "/a" } } }
    plan.add_task_share(self, "/task", { transport = "share" })
    assert.same({ wire.MOUNT, wire.MOUNT }, kinds(self))
  end)

  it("tells the guest who it is first, and sets up its network in the root", function()
    local checked = { name = "web" }
    local self = planned { policy = "strict", root = "spec" }
    plan.add_identity(self, checked, 7)
    plan.add_network(self, { kind = wire.NETWORK })
    assert.same({ wire.IDENTITY, wire.ROOT, wire.NETWORK, wire.LIMITS }, kinds(self))
    assert.equal(7, (string.unpack("<I8", self.setup[1].payload)))
    self = planned {}
    plan.add_network(self, { kind = wire.NETWORK })
    plan.add_identity(self, checked, 0)
    assert.same({ wire.IDENTITY, wire.NETWORK }, kinds(self))
  end)

  it("takes nothing of who the guest is from the host of one that is measured", function()
    local self = planned {}
    self.measured = { initrd = "i", payload = "p" }
    plan.add_identity(self, {}, 0)
    self.measured, self.launch.backend = nil, "sev-snp"
    plan.add_identity(self, {}, 0)
    assert.same({}, kinds(self))
  end)

  it("is another plan's own once that is a copy", function()
    local self = planned { mounts = { { source = "spec", target = "/a" } } }
    local copy = plan.copy(self)
    plan.add_identity(copy, {}, 0)
    plan.add_task_share(copy, "/task", { transport = "share" })
    plan.use_memory_file(copy, true)
    assert.same({ wire.MOUNT }, kinds(self))
    assert.equal(1, #self.launch.shares)
    assert.is_nil(self.launch.memory_file)
  end)

  it("gives commands a root of their own, if there are limits and it can be written", function()
    local self = planned { max_pids = 5 }
    assert.same({ wire.ROOT, wire.LIMITS }, kinds(self))
    assert.equal(string.pack("<I4zz", wire.ROOT_OWN, "", ""), self.setup[1].payload)
    assert.same({ wire.LIMITS }, kinds(planned { max_pids = 5, read_only_rootfs = true }))
  end)

  it("names the root's share or disk, and the scratch disk, as QEMU does", function()
    local self = planned { root = "spec", disk_mb = 8 }
    local kind, source, scratch = string.unpack("<I4zz", self.setup[1].payload)
    assert.same({ wire.ROOT_SHARE, self.launch.shares[1].tag, self.launch.disks[1].serial },
      { kind, source, scratch })
    assert.same({ true, false }, { self.launch.shares[1].readonly, self.launch.disks[1].readonly })
    kind, source, scratch = string.unpack("<I4zz", planned({ disk_mb = 8 }).setup[1].payload)
    assert.same({ wire.ROOT_OWN, "", self.launch.disks[1].serial }, { kind, source, scratch })
  end)
end)
