local core = require "kavach.core"

local function config(changes)
  local c = {
    backend = "tcg", qemu = "/usr/bin/qemu-system-x86_64", cpus = 2, memory_mb = 512,
    kernel = "/k/vmlinux", initrd = "/k/initramfs.cpio", agent_socket = "agent.sock",
    qmp_socket = "qmp.sock", console = true, tsc_khz = 2000000,
  }
  for key, value in pairs(changes or {}) do c[key] = value end
  return c
end

local function argv(changes)
  return assert(core.qemu_argv(config(changes)))
end

--- All values of an option, in order.
local function values(words, option)
  local found = {}
  for i, word in ipairs(words) do
    if word == option then found[#found + 1] = words[i + 1] end
  end
  return found
end

local function value(words, option)
  local found = values(words, option)
  assert.equal(1, #found, option)
  return found[1]
end

local function has(words, wanted)
  for _, word in ipairs(words) do
    if word == wanted then return true end
  end
  return false
end

local function refused(changes)
  local words, message, kind = core.qemu_argv(config(changes))
  assert.is_nil(words)
  return message, kind
end

describe("QEMU's command line", function()
  it("starts with the program and has the limits asked for", function()
    local words = argv { cpus = 3, memory_mb = 300 }
    assert.equal("/usr/bin/qemu-system-x86_64", words[1])
    assert.equal("3", value(words, "-smp"))
    assert.equal("300M", value(words, "-m"))
    assert.equal("/k/vmlinux", value(words, "-kernel"))
    assert.equal("/k/initramfs.cpio", value(words, "-initrd"))
  end)

  it("rounds a fraction of a processor up", function()
    assert.equal("1", value(argv { cpus = 0.25 }, "-smp"))
    assert.equal("2", value(argv { cpus = 1.01 }, "-smp"))
    assert.equal("2", value(argv { cpus = 2.0 }, "-smp"))
  end)

  it("is confined: no defaults, no user configuration, QEMU's seccomp filter", function()
    local words = argv()
    for _, word in ipairs { "-nodefaults", "-no-user-config", "-no-reboot" } do
      assert.is_true(has(words, word), word)
    end
    assert.equal("none", value(words, "-display"))
    assert.equal("on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
      value(words, "-sandbox"))
  end)

  it("connects to the host's sockets for QMP and the agent", function()
    local words = argv()
    assert.same({ "stdio,id=console,signal=off", "socket,id=qmp,path=qmp.sock,server=off",
      "socket,id=agent,path=agent.sock,server=off" }, values(words, "-chardev"))
    assert.equal("chardev=qmp,mode=control", value(words, "-mon"))
    assert.equal("chardev:console", value(words, "-serial"))
    assert.same({ "virtio-serial-pci", "virtserialport,chardev=agent,name=org.kavach.agent" },
      values(words, "-device"))
  end)

  it("leaves out what is not asked for", function()
    local words = assert(core.qemu_argv { backend = "tcg", qemu = "q", cpus = 1, memory_mb = 64,
      kernel = "k" })
    for _, option in ipairs { "-initrd", "-chardev", "-mon", "-serial", "-device", "-virtfs",
      "-netdev", "-nic" } do
      assert.is_false(has(words, option), option)
    end
  end)

  it("has the accelerator of the backend, and mitigations off only under tcg", function()
    assert.equal("tcg,thread=single", value(argv(), "-accel"))
    assert.matches("mitigations=off", value(argv(), "-append"))
    assert.equal("kvm", value(argv { backend = "kvm" }, "-accel"))
    assert.equal("host", value(argv { backend = "kvm" }, "-cpu"))
    assert.not_matches("mitigations", value(argv { backend = "kvm" }, "-append"))
  end)

  it("adds to the kernel's command line", function()
    local plain = value(argv(), "-append")
    assert.equal(plain .. " kavach.x=1", value(argv { append = "kavach.x=1" }, "-append"))
    assert.equal(plain, value(argv { append = "" }, "-append"))
  end)

  it("trusts the time stamp counter only where it is steady, and only under tcg", function()
    assert.matches(" tsc=reliable tsc_early_khz=2100123$",
      value(argv { tsc_khz = 2100123 }, "-append"))
    assert.not_matches("tsc", value(argv { tsc_khz = 0 }, "-append"))
    assert.not_matches("tsc", value(argv { tsc_khz = 2100123, backend = "kvm" }, "-append"))
  end)

  it("gives the task share exactly as it always was", function()
    assert.same({ "local,path=/p/d,mount_tag=task,security_model=none,readonly=on" },
      values(argv { shares = { { tag = "task", path = "/p/d", readonly = true } } }, "-virtfs"))
  end)

  it("has a share for each mount", function()
    assert.same({ "local,path=a,mount_tag=m0,security_model=none,readonly=on,multidevs=remap",
      "local,path=b,mount_tag=m1,security_model=none" },
      values(argv { shares = { { tag = "m0", path = "a", readonly = true, remap = true },
        { tag = "m1", path = "b" } } }, "-virtfs"))
  end)

  it("lets no comma of a path become an option", function()
    local words = argv {
      shares = { { tag = "m", path = "/a,security_model=mapped,,x", readonly = true } },
      agent_socket = ",a,", qmp_socket = "q,server=on",
    }
    assert.equal("local,path=/a,,security_model=mapped,,,,x,mount_tag=m,security_model=none,"
      .. "readonly=on", value(words, "-virtfs"))
    assert.equal("socket,id=qmp,path=q,,server=on,server=off", values(words, "-chardev")[2])
    assert.equal("socket,id=agent,path=,,a,,,server=off", values(words, "-chardev")[3])
  end)

  it("takes plain words as they are, commas and all", function()
    local words = argv { kernel = "/a,b", initrd = "/c,d", qemu = "/e,f" }
    assert.equal("/a,b", value(words, "-kernel"))
    assert.equal("/c,d", value(words, "-initrd"))
    assert.equal("/e,f", words[1])
  end)

  it("has the guest's memory in a file that others can map, where it is to be saved", function()
    local words = argv { memory_file = "/a,b" }
    assert.matches(",memory%-backend=memory$", value(words, "-machine"))
    assert.same({ "memory-backend-file,id=memory,size=512M,mem-path=/a,,b,share=on" },
      values(words, "-object"))
    assert.equal("/k/vmlinux", value(words, "-kernel"))
    assert.same({}, values(words, "-incoming"))
    assert.same({}, values(argv(), "-object"))
  end)

  it("gives a clone a copy of its own, and nothing to boot", function()
    local words = argv { memory_file = "m", clone = true }
    assert.same({ "memory-backend-file,id=memory,size=512M,mem-path=m,share=off" },
      values(words, "-object"))
    assert.equal("defer", value(words, "-incoming"))
    for _, option in ipairs { "-kernel", "-initrd", "-append" } do
      assert.same({}, values(words, option))
    end
  end)

  it("keeps long paths whole", function()
    local long = "/" .. ("x"):rep(100000)
    assert.equal(long, value(argv { kernel = long }, "-kernel"))
  end)
end)

describe("what QEMU's command line refuses", function()
  for name, case in pairs {
    ["no processor"] = { { cpus = 0 }, "cpus must be above 0" },
    ["fewer than none"] = { { cpus = -1 }, "cpus must be above 0" },
    ["NaN processors"] = { { cpus = 0 / 0 }, "cpus must be above 0" },
    ["too many processors"] = { { cpus = 256 }, "at most 255" },
    ["infinitely many"] = { { cpus = math.huge }, "at most 255" },
    ["no memory"] = { { memory_mb = 0 }, "memory_mb must be at least 1" },
    ["all memory there is"] = { { memory_mb = math.maxinteger }, "at most 16777216" },
    ["an unknown backend"] = { { backend = "xen" }, "unknown backend 'xen'" },
    ["an empty kernel path"] = { { kernel = "" }, "kernel must be a path" },
    ["a command line too long for Linux"] = { { append = ("x"):rep(2048) }, "kernel command line" },
    ["a clone of nothing"] = { { clone = true }, "a clone needs memory_file" },
    ["a file for encrypted memory"] = { { backend = "sev-snp", memory_file = "m" },
      "the memory of an sev%-snp guest cannot be a file" },
    ["an empty tag"] = { { shares = { { tag = "", path = "/" } } }, "tag of a share" },
    ["a tag too long for 9p"] = { { shares = { { tag = ("t"):rep(32), path = "/" } } }, "1 to 31" },
    ["a tag with a comma"] = { { shares = { { tag = "a,b", path = "/" } } }, "tag of a share" },
    ["an empty path"] = { { shares = { { tag = "a", path = "" } } }, "empty path" },
    ["a tag twice"] = { { shares = { { tag = "a", path = "/" }, { tag = "a", path = "/b" } } },
      "two shares have the tag 'a'" },
  } do
    it("refuses " .. name, function()
      local message, kind = refused(case[1])
      assert.matches(case[2], message)
      assert.equal("invalid_argument", kind)
    end)
  end

  it("takes a command line up to Linux's 2047 bytes", function()
    local room = 2047 - #value(argv { append = "x" }, "-append") + 1
    assert.equal(2047, #value(argv { append = ("x"):rep(room) }, "-append"))
    refused { append = ("x"):rep(room + 1) }
  end)

  for name, case in pairs {
    ["an unknown key"] = { { kernal = "x" }, "unknown key 'kernal'" },
    ["an unknown key of a share"] = { { shares = { { tag = "a", path = "/", read_only = true } } },
      "unknown key 'read_only'" },
    ["a number for a path"] = { { kernel = 7 }, "kernel must be a string" },
    ["a path with a NUL"] = { { kernel = "/a\0b" }, "kernel has a NUL" },
    ["a fraction of a MiB"] = { { memory_mb = 0.5 }, "memory_mb must be an integer" },
    ["negative memory"] = { { memory_mb = -1 }, "memory_mb must be an integer" },
    ["a string for a number"] = { { cpus = "2" }, "cpus must be a number" },
    ["a string for a boolean"] = { { console = "yes" }, "console must be a boolean" },
    ["a share that is no table"] = { { shares = { 7 } }, "table expected" },
    ["shares that are no list"] = { { shares = "x" }, "shares must be a list" },
  } do
    it("raises for " .. name, function()
      assert.error_matches(function() core.qemu_argv(config(case[1])) end, case[2])
    end)
  end
end)

describe("QEMU's network", function()
  local NETWORK = {
    mac = "52:54:00:6b:76:01", block = "10.0.2.0/24", host = "10.0.2.2", dns = "10.0.2.3",
    outward = "out.sock", inward = "in,sock", back = "back.sock",
  }

  local function with(changes)
    local network = {}
    for key in pairs(NETWORK) do network[key] = changes[key] or NETWORK[key] end
    network.nic = changes.nic
    return { network = network }
  end

  it("is none unless it is asked for", function()
    local words = argv()
    for _, option in ipairs { "-netdev", "-nic", "-net", "-object" } do
      assert.is_false(has(words, option), option)
    end
    assert.is_nil(table.concat(words, " "):find "virtio%-net")
  end)

  it("has the host's filter between the guest and the user-mode network", function()
    local words = argv { network = NETWORK }
    assert.equal("user,id=net0,ipv6=off,net=10.0.2.0/24,host=10.0.2.2,dns=10.0.2.3",
      value(words, "-netdev"))
    assert.same({
      "filter-redirector,id=netfilter,netdev=net0,queue=rx,outdev=net-out,indev=net-in",
      "filter-redirector,id=netanswers,netdev=net0,queue=tx,indev=net-back",
    }, values(words, "-object"))
    local sockets = values(words, "-chardev")
    assert.equal("socket,id=net-out,path=out.sock,server=off", sockets[#sockets - 2])
    assert.equal("socket,id=net-in,path=in,,sock,server=off", sockets[#sockets - 1])
    assert.equal("socket,id=net-back,path=back.sock,server=off", sockets[#sockets])
    local devices = values(words, "-device")
    assert.equal("virtio-net-pci,netdev=net0,mac=52:54:00:6b:76:01,romfile=", devices[#devices])
  end)

  it("needs a MAC address that is one, and all of its parts", function()
    for _, mac in ipairs { "", "52:54:00:6b:76", "52:54:00:6b:76:0g", "52-54-00-6b-76-01",
      "52:54:00:6b:76:01,x=y", "52:54:00:6B:76:01" } do
      local message, kind = refused(with { mac = mac })
      assert.matches("network.mac", message, 1, true)
      assert.equal("invalid_argument", kind)
    end
    for key in pairs(NETWORK) do
      local changes = with {}
      changes.network[key] = nil
      assert.error_matches(function() argv(changes) end, key .. " is missing")
    end
    assert.error_matches(function() argv(with { nic = 1 }) end, "unknown key 'nic'")
  end)
end)

-- ---- SEV-SNP -----------------------------------------------------------------------------------

local function snp(changes, more)
  local part = { dialect = "upstream", policy = 0x30000, cbit = 51, firmware = "/f/OVMF.fd" }
  for key, given in pairs(changes or {}) do part[key] = given end
  local c = config { backend = "sev-snp", snp = part }
  for key, given in pairs(more or {}) do c[key] = given end
  return c
end

local function base64(count)
  return require("kavach.sandbox.base64").encode(("\x5a"):rep(count))
end

local TASK = { tag = "task", path = "/p/task", readonly = true }

describe("the command line of an SEV-SNP guest, upstream", function()
  it("protects the guest's memory, and measures its kernel", function()
    local words = assert(core.qemu_argv(snp({}, { cpus = 3, memory_mb = 700 })))
    assert.equal("kvm", value(words, "-accel"))
    assert.equal("EPYC-v4", value(words, "-cpu"))
    assert.matches("^q35,.*confidential%-guest%-support=sev0,memory%-backend=ram1$",
      value(words, "-machine"))
    assert.same({ "memory-backend-memfd,id=ram1,size=700M",
      "sev-snp-guest,id=sev0,policy=0x30000,cbitpos=51,reduced-phys-bits=1,kernel-hashes=on" },
      values(words, "-object"))
    assert.equal("3", value(words, "-smp"))
    assert.equal("700M", value(words, "-m"))
    assert.equal("/f/OVMF.fd", value(words, "-bios"))
    assert.equal("/k/vmlinux", value(words, "-kernel"))
    assert.equal("/k/initramfs.cpio", value(words, "-initrd"))
    assert.is_false(has(words, "-virtfs"))
  end)

  it("is confined as any other, and keeps the kernel's mitigations", function()
    local words = assert(core.qemu_argv(snp()))
    for _, word in ipairs { "-nodefaults", "-no-user-config", "-no-reboot", "-sandbox" } do
      assert.is_true(has(words, word), word)
    end
    assert.not_matches("mitigations", value(words, "-append"))
  end)

  it("has devices that see only what the guest shows them", function()
    assert.equal("virtio-serial-pci,disable-legacy=on,iommu_platform=on",
      values(assert(core.qemu_argv(snp())), "-device")[1])
  end)

  it("has what its user asks for", function()
    local words = assert(core.qemu_argv(snp {
      policy = 0x20300, cbit = 47, cpu_model = "EPYC-Milan-v2", host_data = base64(32),
      id_block = base64(96), id_auth = base64(4096), author_key_enabled = true,
      vcek_disabled = true,
    }))
    assert.equal("EPYC-Milan-v2", value(words, "-cpu"))
    assert.equal(("sev-snp-guest,id=sev0,policy=0x20300,cbitpos=47,reduced-phys-bits=1,"
      .. "kernel-hashes=on,host-data=%s,id-block=%s,id-auth=%s,author-key-enabled=on,"
      .. "vcek-disabled=on"):format(base64(32), base64(96), base64(4096)),
      values(words, "-object")[2])
  end)

  for name, case in pairs {
    ["host data with an option behind it"] = { { host_data = base64(32) .. ",policy=0xb0000" },
      "host_data must be 32 bytes in base64" },
    ["host data of another size"] = { { host_data = base64(31) }, "host_data must be 32 bytes" },
    ["host data that is no base64"] = { { host_data = (","):rep(44) }, "host_data must be" },
    ["an ID block of another size"] = { { id_block = base64(97), id_auth = base64(4096) },
      "id_block must be 96 bytes" },
    ["authentication of another size"] = { { id_block = base64(96), id_auth = base64(4095) },
      "id_auth must be 4096 bytes" },
    ["an ID block alone"] = { { id_block = base64(96) }, "needed together" },
    ["authentication alone"] = { { id_auth = base64(4096) }, "needed together" },
    ["an author's key from nowhere"] = { { author_key_enabled = true }, "needs id_auth" },
    ["a model with properties"] = { { cpu_model = "EPYC-v4,+vmx" }, "cpu_model must be" },
    ["a model that is none"] = { { cpu_model = "" }, "cpu_model must be" },
    ["a C-bit that is none"] = { { cbit = 0 }, "cbit must be 1 to 63" },
    ["a C-bit beyond the address"] = { { cbit = 64 }, "cbit must be 1 to 63" },
    ["no firmware"] = { { firmware = "" }, "firmware must be a path" },
    ["half a vector"] = { { bare = true }, "bare is for the dialect seed" },
    ["an unknown dialect"] = { { dialect = "sede" }, "unknown dialect 'sede'" },
  } do
    it("refuses " .. name, function()
      local words, message, kind = core.qemu_argv(snp(case[1]))
      assert.is_nil(words)
      assert.matches(case[2], message)
      assert.equal("invalid_argument", kind)
    end)
  end

  it("needs to be told what the guest is to be", function()
    local words, message = core.qemu_argv(config { backend = "sev-snp" })
    assert.is_nil(words)
    assert.matches("cbit", message)
    assert.error_matches(function() core.qemu_argv(snp { nonsense = 1 }) end,
      "unknown key 'nonsense'")
    assert.error_matches(function() core.qemu_argv(config { snp = 7 }) end, "snp must be a table")
  end)
end)

describe("the command line of an SEV-SNP guest, seed", function()
  local VECTOR = {
    "qemu", "-enable-kvm", "-cpu", "EPYC-v4",
    "-machine", "q35,confidential-guest-support=sev0,memory-backend=ram1",
    "-object", "memory-backend-memfd-private,id=ram1,size=512M",
    "-object", "sev-snp-guest,id=sev0,policy=0x20300,cbitpos=51,reduced-phys-bits=1",
    "-smp", "2", "-m", "512M", "-nographic", "-no-reboot", "-kernel", "/k/bzImage",
    "-virtfs", "local,path=/p/task,mount_tag=task,security_model=none,readonly=on",
  }
  local function seed(changes, more)
    local part = { dialect = "seed", policy = 0x20300 }
    for key, given in pairs(changes or {}) do part[key] = given end
    local c = snp(part, { qemu = "qemu", kernel = "/k/bzImage", shares = { TASK } })
    c.snp.firmware = part.firmware
    for key, given in pairs(more or {}) do c[key] = given end
    return c
  end

  it("is this vector, in this order", function()
    assert.same(VECTOR, core.qemu_argv(seed { bare = true }))
  end)

  it("begins with it where it is to run, and is hardened behind it", function()
    local words = assert(core.qemu_argv(seed({ firmware = "/f/OVMF.fd" }, {
      shares = { { tag = "m", path = "/m" }, TASK },
    })))
    assert.same(VECTOR, table.move(words, 1, #VECTOR, 1, {}))
    local rest = table.move(words, #VECTOR + 1, #words, 1, {})
    for _, word in ipairs { "-nodefaults", "-no-user-config", "-sandbox" } do
      assert.is_true(has(rest, word), word)
    end
    assert.equal("/f/OVMF.fd", value(rest, "-bios"))
    assert.equal("/k/initramfs.cpio", value(rest, "-initrd"))
    assert.is_false(has(rest, "-kernel"))
    assert.same({ "local,path=/m,mount_tag=m,security_model=none" }, values(rest, "-virtfs"))
  end)

  it("refuses what it has no words for", function()
    for _, case in ipairs { { host_data = base64(32) }, { vcek_disabled = true },
      { id_block = base64(96), id_auth = base64(4096) } } do
      local words, message = core.qemu_argv(seed(case))
      assert.is_nil(words)
      assert.matches("cannot be said in the dialect seed", message, 1, true)
    end
    local words, message = core.qemu_argv(seed({}, { shares = {} }))
    assert.is_nil(words)
    assert.matches("needs the share 'task'", message, 1, true)
  end)
end)
