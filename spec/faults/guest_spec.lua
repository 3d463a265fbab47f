--- The death of QEMU, and of runners that have some: stand-ins, whose agent runs on this machine.

local batches = require "support.batches"
local host = require "support.host"
local lfs = require "lfs"
local standin = require "support.standin"

local SCRIPT <const> = [[
  local batch = require("kavach").batch { name = "boxed", jobs = 2, retries = %d,
    retry_delay_ms = 1, sandbox = {
      backend = "tcg", qemu_path = %q, kernel = %q, initrd = %q, template = false,
    } }
  for _, id in ipairs { "a", "b" } do
    batch:job { id = id, command = "echo $KAVACH_JOB $KAVACH_ATTEMPT; "
      .. "if [ $KAVACH_ATTEMPT = 1 ]; then : >%s/$KAVACH_JOB; exec sleep 60; fi" }
  end
  return batch
]]

describe("a batch with guests", function()
  local here, running
  setup(standin.setup)
  teardown(standin.teardown)
  before_each(function() here = batches.place() end)
  after_each(function()
    if running then running:close() end
    running = nil
    here.remove()
  end)

  -- The QEMUs that the journal knows to run: by their jobs.
  local function running_guests()
    local pids = {}
    for id, job in pairs(here:jobs "boxed") do
      local last = job.tries[#job.tries]
      if last and not last.committed_ns then pids[id] = last.pid end
    end
    return pids
  end

  -- Starts it; when both jobs run: the QEMUs.
  local function start(retries)
    here:write("script.lua", SCRIPT:format(retries, standin.native(), standin.kernel,
      standin.initrd, here.folder))
    running = here:start { "script.lua", "--json" }
    local pids
    assert.is_true(host.eventually(function()
      if not here:read "a" or not here:read "b" then return false end
      pids = running_guests()
      return pids.a and pids.b
    end))
    return pids
  end

  local function signal(name, pid) assert(os.execute(("kill -%s %d"):format(name, pid))) end

  -- The private directories of VMs that are there.
  local function directories()
    local found = {}
    local path = here.folder .. "/run/kavach"
    if not lfs.attributes(path) then return found end
    for name in lfs.dir(path) do
      if name:find "^vm%-" then found[#found + 1] = name end
    end
    return found
  end

  local function check_nothing_is_left(pids)
    for _, pid in pairs(pids) do
      assert.is_true(host.eventually(function() return not standin.alive(pid) end))
    end
    assert.is_true(host.eventually(function() return #directories() == 0 end))
  end

  local function output(jobs, id)
    local r <close> = here:reader "boxed"
    return r:output(jobs[id].seq, nil, "stdout").text
  end

  it("has an attempt fail whose QEMU is killed, and tries again if it may", function()
    local pids = start(1)
    signal("KILL", pids.a)
    signal("KILL", pids.b)
    local code, out = batches.finish(running)
    assert.equal(0, code, out)
    local jobs = here:jobs "boxed"
    for id in pairs(pids) do
      local first, second = table.unpack(jobs[id].tries)
      assert.same({ "failed", "done" }, { first.state, second.state })
      assert.equal(-1, first.exit_code)
      assert.matches("QEMU", first.reason)
      assert.equal(id .. " 2\n", output(jobs, id))
    end
    check_nothing_is_left(pids)
  end)

  it("has a job fail whose QEMU is killed, if it may not be tried again", function()
    local pids = start(0)
    signal("KILL", pids.a)
    signal("KILL", pids.b)
    local code, out = batches.finish(running)
    assert.equal(2, code, out)
    local jobs = here:jobs "boxed"
    assert.same({ "failed", "failed" }, { jobs.a.state, jobs.b.state })
    assert.matches("QEMU", jobs.a.reason)
    check_nothing_is_left(pids)
  end)

  it("is resumed when the old guests are gone, after its runner was killed", function()
    local pids = start(0)
    signal("KILL", running:pid())
    local code, _, errors = here:run("resume", "boxed")
    assert.equal(0, code, errors)
    local jobs = here:jobs "boxed"
    for id in pairs(pids) do
      assert.same({ "interrupted", "done" }, { jobs[id].tries[1].state, jobs[id].tries[2].state })
      assert.equal(id .. " 2\n", output(jobs, id))
    end
    check_nothing_is_left(pids)
  end)

  it("is resumed when the old guests are gone, after all that would end them was killed", function()
    local pids = start(0)
    local runner = running:pid()
    local supervisor = host.supervisor(runner)
    signal("STOP", runner)
    -- One that cannot hear of it, as one that hangs in the kernel.
    signal("STOP", pids.a)
    signal("KILL", supervisor)
    signal("KILL", runner)
    local code, _, errors = here:run("resume", "boxed")
    assert.equal(0, code, errors)
    check_nothing_is_left(pids)
  end)
end)
