local host = require "support.host"
local host_cgroup = require "kavach.sandbox.host_cgroup"
local lfs = require "lfs"
local program = require "support.program"
local sandbox = require "kavach.sandbox"

-- With plain folders in place of control groups: what is written can be read there.
describe("A control group of the host for QEMU", function()
  local system <const> = host_cgroup.system
  local folder, remove

  local function switch_on(path, controllers)
    host.write(folder .. path .. "/cgroup.subtree_control", controllers .. "\n")
    host.write(folder .. path .. "/cgroup.procs", "")
  end

  before_each(function()
    folder, remove = host.folder()
    assert(os.execute(("mkdir -p '%s/slice/own' '%s/groups'"):format(folder, folder)))
    host_cgroup.system = {
      own = host.write(folder .. "/cgroup", "4:memory:/v1\n0::/slice/own\n"),
      mounts = host.write(folder .. "/mountinfo",
        "20 1 0:5 / /proc rw - proc proc rw\n"
        .. ("30 20 0:9 / %s rw,nosuid shared:1 - cgroup2 cgroup rw\n"):format(folder)),
    }
    switch_on("", "")
    switch_on("/slice", "cpu memory pids")
    switch_on("/slice/own", "")
  end)
  after_each(function()
    host_cgroup.system = system
    remove()
  end)

  it("is made beside this process's own, and bounds what QEMU may take", function()
    assert.same({ true, folder .. "/slice" }, { host_cgroup.probe() })
    local bounds = { cpus = 1.5, memory_mb = 300, disk_mb = 20, translates = true }
    local group = assert(host_cgroup.enclose(12345, bounds))
    assert.matches("^" .. folder .. "/slice/kavach%-%d+%-%d+%-%d+$", group.path)
    local function value(name) return host.slurp(group.path .. "/" .. name) end
    assert.same({ tostring((300 + 20 + 512 + 1024) << 20), "130", "300000 100000", "12345" },
      { value "memory.max", value "pids.max", value "cpu.max", value "cgroup.procs" })
  end)

  it("bounds what can be bounded, and switches nothing on", function()
    switch_on("/slice", "memory")
    local group = assert(host_cgroup.enclose(1, { cpus = 1, memory_mb = 1, translates = false }))
    assert.is_nil(host.slurp(group.path .. "/pids.max"))
    assert.equal("memory\n", host.slurp(folder .. "/slice/cgroup.subtree_control"))
  end)

  it("is made in this process's own where that is the topmost", function()
    host.write(folder .. "/cgroup", "0::/\n")
    switch_on("", "memory")
    assert.same({ true, folder }, { host_cgroup.probe() })
  end)

  it("is not to be had where something is missing, and then it says what", function()
    local function why()
      local available, reason = host_cgroup.probe()
      assert.is_false(available)
      assert.same({ nil, reason }, { host_cgroup.enclose(1, { cpus = 1, memory_mb = 1 }) })
      return reason
    end
    switch_on("/slice", "cpu pids")
    assert.matches("/slice: the memory controller is not switched on", why(), 1, true)
    host.write(folder .. "/cgroup", "0::/../elsewhere\n")
    assert.matches("not mounted where this process is", why(), 1, true)
    host.write(folder .. "/cgroup", "0::/slice/own\n")
    host.write(folder .. "/mountinfo", "")
    assert.matches("not mounted", why(), 1, true)
    host.write(folder .. "/cgroup", "4:memory:/v1\n")
    assert.matches("no control groups of version 2", why(), 1, true)
  end)

  it("of a host that is gone is removed, and one in use is not", function()
    local ours = assert(host_cgroup.enclose(1, { cpus = 1, memory_mb = 1 })).path
    -- So that nothing but the sweep's judgement keeps it.
    for name in lfs.dir(ours) do os.remove(ours .. "/" .. name) end
    local dead = folder .. "/slice/kavach-999999999-1-1"
    local reused = folder .. "/slice/kavach-" .. host.pid() .. "-1-1"
    local other = folder .. "/slice/kavach-other"
    for _, path in ipairs { dead, reused, other } do assert(lfs.mkdir(path)) end
    host_cgroup.probe()
    assert.same({ nil, nil, "directory", "directory" }, {
      lfs.attributes(dead, "mode"), (lfs.attributes(reused, "mode")), lfs.attributes(other, "mode"),
      lfs.attributes(ours, "mode"),
    })
  end)
end)

-- The kernel's own: a guest's, since not every machine that runs this has them to give away.
describe("A control group of the host for QEMU #vm", function()
  it("takes a process in, and goes when that has ended", function()
    -- The tree may be in /tmp, where the guest has a folder of its own.
    local tree, build = lfs.currentdir(), program.absolute:match "^(.*)/"
    local mounts = { { source = tree, target = tree } }
    if build:sub(1, #tree + 1) ~= tree .. "/" then
      mounts[2] = { source = build, target = build }
    end
    local box <close> = assert(sandbox.new {
      backend = "tcg", root = "/", memory_limit_mb = 512, mounts = mounts,
    })
    local r = assert(box:exec({ program.absolute, "-e", [[
      local host_cgroup = require "kavach.sandbox.host_cgroup"
      local process = require "kavach.process"
      print(host_cgroup.probe())
      local child = assert(process.start { "sh", "-c", "echo up; exec sleep 1000" })
      child:read()
      local group = assert(host_cgroup.enclose(child:pid(), { cpus = 1, memory_mb = 64 }))
      local function read(name) return io.open(group.path .. "/" .. name):read "a" end
      print(tonumber(read "cgroup.procs") == child:pid(), read "memory.max")
      group:remove()
      print(io.open(group.path .. "/cgroup.procs") ~= nil)
      child:kill(9)
      child:wait()
      group:remove()
      print(io.open(group.path .. "/cgroup.procs") ~= nil)
    ]] }, {
      timeout_ms = 60000, cwd = tree,
      env = { LUA_PATH = package.path, LUA_CPATH = package.cpath },
    }))
    assert.same({ 0, "" }, { r.exit_code, r.stderr })
    assert.equal("true\t/sys/fs/cgroup/kavach\ntrue\t603979776\n\ntrue\nfalse\n", r.stdout)
  end)
end)
