--- LIMITS and ROOT, by the agent as it is, run on this machine without a VM: with a plain folder in
--- place of the control groups, and without a root that it could change.

local host = require "support.host"
local kavach = require "kavach"
local native = require "support.native"
local pair = require "support.pair"
local wire = require "kavach.sandbox.wire"

local function u32(n) return string.pack("<I4", n) end

local EPERM <const>, EBUSY <const>, ENOTSUP <const>, ECANCELED <const> = 1, 16, 95, 125

local HELLO <const> = wire.frame(wire.HELLO, 0, u32(wire.VERSION))

-- The last frame of each channel, by its number.
local function talk(frames, cgroups)
  local near, far = pair.connect()
  local _, ended = native.spawn(near, cgroups)
  local decoder, last = wire.decoder(), {}
  kavach.scope(function()
    far:write(HELLO .. table.concat(frames) .. wire.frame(wire.PING, 0, "over"))
    local over
    while not over do
      decoder:feed(assert(far:read()))
      for kind, channel, payload in function() return decoder:next() end do
        over = over or kind == wire.PONG
        if channel ~= 0 then last[channel] = { kind, payload } end
      end
    end
    far:shutdown()
    repeat until not far:read()
  end)
  ended:wait(20000)
  far:close()
  return last
end

local function limits(channel, flags, cpu, processes)
  return wire.frame(wire.LIMITS, channel, u32(flags) .. u32(cpu or 0) .. u32(processes or 0))
end

local function root(channel)
  return wire.frame(wire.ROOT, channel, u32(wire.ROOT_SHARE) .. "tag\0\0")
end

local function exec(channel)
  return wire.frame(wire.EXEC, channel, assert(wire.exec {
    flags = 0, stdout_credit = 1, stderr_credit = 1, argv = { "true" },
  }))
end

local function failure(frame)
  assert.equal(wire.FAILED, frame[1])
  return wire.parse_failed(frame[2])
end

describe("The agent's limits", function()
  local folder, remove
  before_each(function()
    folder, remove = host.folder()
    assert(os.execute("mkdir '" .. folder .. "/kavach'"))
    for _, name in ipairs { "cgroup.subtree_control", "kavach/cpu.max", "kavach/pids.max",
      "kavach/cgroup.subtree_control" } do
      host.write(folder .. "/" .. name, "")
    end
  end)
  after_each(function() remove() end)

  it("go to the group that all commands are in", function()
    local last = talk({ limits(1, wire.LIMIT_CPU | wire.LIMIT_PROCESSES, 50000, 64) }, folder)
    assert.equal(wire.DONE, last[1][1])
    assert.equal("50000 100000", host.slurp(folder .. "/kavach/cpu.max"))
    assert.equal("64", host.slurp(folder .. "/kavach/pids.max"))
    assert.matches("+pids", host.slurp(folder .. "/cgroup.subtree_control"), 1, true)
  end)

  it("that cannot be set keep everything from being started", function()
    os.remove(folder .. "/kavach/pids.max")
    for _, case in ipairs {
      { limits(1, wire.LIMIT_PROCESSES, 0, 64), folder, 2, "number of processes" },
      { limits(1, wire.LIMIT_CPU, 50000), nil, ENOTSUP, "no control groups" },
      { limits(1, wire.LIMIT_READ_ONLY), folder, EPERM, "root" },
      { root(1), folder, EPERM, "root" },
    } do
      local put = wire.frame(wire.PUT, 3, u32(420) .. folder .. "/file\0")
      local get = wire.frame(wire.GET, 4, u32(0) .. "/etc/passwd\0")
      local last = talk({ case[1], exec(2), put, get }, case[2])
      local errno, what = failure(last[1])
      assert.equal(case[3], errno)
      assert.matches(case[4], what, 1, true)
      for channel = 2, 4 do assert.equal(ECANCELED, (failure(last[channel]))) end
    end
    assert.is_nil(host.slurp(folder .. "/file"))
  end)

  it("come once, and before anything runs", function()
    local flag = wire.LIMIT_PROCESSES
    local last = talk({ limits(1, flag, 0, 7), limits(2, flag, 0, 8) }, folder)
    assert.same({ wire.DONE, EBUSY }, { last[1][1], (failure(last[2])) })
    assert.equal("7", host.slurp(folder .. "/kavach/pids.max"))
    last = talk({ exec(1), limits(2, flag, 0, 9), root(3), exec(4) }, folder)
    assert.same({ EBUSY, EBUSY, ECANCELED },
      { (failure(last[2])), (failure(last[3])), (failure(last[4])) })
    last = talk({ limits(1, flag, 0, 5), root(2) }, folder)
    assert.equal(EBUSY, (failure(last[2])))
  end)
end)
