--- Files that stay open, and so locked, until all that a host has started is gone.

local core = require "kavach.core"
local host = require "support.host"
local kavach = require "kavach"

-- Holds the lock in arg 1 while a process runs that has left its session, and does what else is
-- said.
local HOST <const> = [[
  local core, kavach = require "kavach.core", require "kavach"
  local path, marker = %q, %q
  local file = assert(core.file_locked(path))
  local number = assert(core.hold(file))
  local function run(...)
    local child = kavach.process.start { ... }
    assert(child:pid())
    return child
  end
  %s
  local child <close> = run("sh", "-c", "(setsid sleep " .. marker .. " &); sleep 60")
  print "ready"
  io.stdout:flush()
  kavach.sleep(60000)
]]

describe("a file that the supervisor holds", function()
  local folder, remove, path, marker
  before_each(function()
    folder, remove = host.folder()
    path, marker = folder .. "/lock", host.marker()
  end)
  after_each(function() remove() end)

  local function start(more)
    local p = host.start(HOST:format(path, marker, more or ""))
    assert.equal("ready\n", p:read())
    return p
  end

  local function free()
    local file = core.file_locked(path)
    if file then file:close() end
    return file ~= false
  end

  local function signal(name, pid) assert(os.execute(("kill -%s %d"):format(name, pid))) end

  -- The lock is free when its host was killed, and all that it started is gone; not before.
  local function check(p)
    local supervisor = host.supervisor(p:pid())
    assert.is_true(host.eventually(function() return #host.processes(marker) > 0 end))
    signal("STOP", supervisor)
    p:kill(9)
    p:wait()
    assert.is_false(free())
    assert.is_true(#host.processes(marker) > 0)
    signal("CONT", supervisor)
    assert.is_true(host.eventually(free))
    assert.same({}, host.processes(marker))
  end

  it("is locked until all that its host has started is gone, though that was killed", function()
    local p <close> = start()
    check(p)
  end)

  it("is so even if the host has closed it", function()
    local p <close> = start "file:close()"
    check(p)
  end)

  it("is so by the supervisor that takes the place of one that was killed", function()
    local p <close> = start [[
      local first = run("sleep", "60")
      local children = io.open(("/proc/self/task/%d/children"):format(core.getpid())):read "a"
      os.execute("kill -9 " .. children)
      first:wait()
    ]]
    check(p)
  end)

  it("is another's once it was unlocked, and once it was released and closed", function()
    local p <close> = start "core.file_unlock(file)"
    assert.is_true(free())
    p:close()
    assert.is_true(host.gone(marker))
    local again <close> = start "core.release(number) file:close()"
    assert.is_true(host.eventually(free))
    assert.is_true(#host.processes(marker) > 0)
    again:close()
  end)

  it("is one of many, which do not stay open", function()
    local file <close> = assert(core.file_locked(path))
    local other <close> = assert(core.file_locked(path .. "2"))
    local first, kept = assert(core.hold(file)), assert(core.hold(other))
    assert.not_equal(first, kept)
    core.release(first)
    core.release(first) -- nothing any more
    for _ = 1, 3000 do core.release(assert(core.hold(file))) end
    -- A supervisor with so many open could not start this.
    assert.equal(0, assert(kavach.process.exec { "true" }).exit_code)
    core.file_unlock(file)
    core.file_unlock(other)
    core.release(kept)
  end)

  it("must be open", function()
    local file = assert(core.file_locked(path))
    file:close()
    assert.has_error(function() core.hold(file) end)
    assert.has_error(function() core.hold(path) end)
  end)
end)
