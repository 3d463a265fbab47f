local config = require "kavach.sandbox.config"
local core = require "kavach.core"
local host = require "support.host"
local plan = require "kavach.sandbox.plan"
local template = require "kavach.sandbox.template"

describe("The key of a template", function()
  local folder, remove, qemu
  before_each(function()
    folder, remove = host.folder()
    qemu = host.write(folder .. "/qemu", "#!/bin/sh\n")
    assert(os.execute("chmod +x " .. qemu))
    for _, name in ipairs { "kernel", "initrd", "other" } do
      host.write(folder .. "/" .. name, name)
    end
  end)
  after_each(function() remove() end)

  local function key(options, backend, more)
    local all = { kernel = folder .. "/kernel", initrd = folder .. "/initrd" }
    for name, value in pairs(options or {}) do all[name] = value end
    for name, value in pairs(more or {}) do all[name] = value or nil end
    local checked = assert(config.check(all))
    local planned = plan.new(checked, backend or "tcg", qemu)
    planned.qemu = { path = qemu, program = assert(core.program_open(qemu)) }
    return template.key(checked, planned)
  end

  local function mount(source, readonly)
    return { mounts = { { source = source, target = "/m", readonly = readonly } } }
  end

  it("is the same for sandboxes that differ in what is theirs alone", function()
    assert.equal(key(), key())
    assert.equal(key(), key { name = "web", env = { A = "b" }, timeout_ms = 7 })
    assert.equal(key { root = "spec" }, key { root = "lua" })
    assert.equal(key(mount("spec")), key(mount("lua")))
  end)

  it("is another for each machine that QEMU would build", function()
    local seen = {}
    for _, options in ipairs {
      {}, { memory_limit_mb = 256 }, { cpu_limit = 1 }, { root = "spec" }, { disk_mb = 8 },
      mount "spec", mount("spec", false), { network = { enabled = true } }, { transport = "share" },
      { kernel = folder .. "/other" }, { initrd = folder .. "/other" },
    } do
      local one = assert(key(options))
      assert.is_nil(seen[one])
      seen[one] = true
    end
  end)

  it("is another for other disks, where the kernel is not ours and may know them", function()
    assert.not_equal(key { disk_mb = 8 }, key { disk_mb = 16 })
    local OURS <const> = { kernel = false, initrd = false }
    assert.equal(key({ disk_mb = 8 }, nil, OURS), key({ disk_mb = 16 }, nil, OURS))
  end)

  it("is another once somebody has written to QEMU, the kernel or the initramfs", function()
    for _, name in ipairs { "qemu", "kernel", "initrd" } do
      local before = assert(key())
      local path = folder .. "/" .. name
      local facts = core.file_facts(path)
      local file = assert(io.open(path, "r+b"))
      file:write "!"
      file:close()
      -- Even if its size and time are put back.
      assert(os.execute(("touch -d @%d.%09d %s"):format(facts.mtime_ns // 1000000000,
        facts.mtime_ns % 1000000000, path)))
      assert.not_equal(before, key())
    end
  end)

  it("is none for what cannot be saved, or is not to be", function()
    local function why(...)
      local none, reason = key(...)
      assert.is_nil(none)
      return reason
    end
    assert.equal("template = false", why { template = false })
    assert.equal("an sev-snp guest cannot be saved", why({}, "sev-snp"))
    assert.matches("/nowhere: No such file", why { kernel = "/nowhere" }, 1, true)
  end)
end)
