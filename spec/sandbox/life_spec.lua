local err = require "kavach.err"
local life = require "kavach.sandbox.life"
local sandbox = require "kavach.sandbox"
local standin = require "support.standin"
local task = require "kavach.task"

describe("The states of a sandbox", function()
  local MOVES <const> = {
    ["created running"] = true,
    ["running paused"] = true, ["running stopped"] = true, ["running destroyed"] = true,
    ["paused running"] = true, ["paused stopped"] = true, ["paused destroyed"] = true,
    ["stopped destroyed"] = true,
  }

  it("are five", function()
    assert.same({ "created", "running", "paused", "stopped", "destroyed" }, life.STATES)
  end)

  for _, from in ipairs(life.STATES) do
    for _, to in ipairs(life.STATES) do
      if MOVES[from .. " " .. to] then
        it(("allow %s to %s"):format(from, to), function()
          assert.is_true(life.can_move(from, to))
          assert.is_true(life.check(from, to))
        end)
      else
        it(("refuse %s to %s, naming both"):format(from, to), function()
          assert.is_false(life.can_move(from, to))
          local ok, why = life.check(from, to)
          assert.is_nil(ok)
          assert.is_true(err.is(why, "invalid_transition"))
          assert.same({ from, to }, { why.from, why.to })
          assert.matches(from, why.message, 1, true)
          assert.matches(to, why.message, 1, true)
        end)
      end
    end
  end

  it("say what can be asked of the guest", function()
    assert.is_nil(life.unusable "created")
    assert.is_nil(life.unusable "running")
    assert.matches("paused: resume it first", life.unusable "paused".message, 1, true)
    assert.matches("stopped", life.unusable "stopped".message, 1, true)
    assert.matches("destroyed", life.unusable "destroyed".message, 1, true)
    local cause = err.new("io", "the guest's kernel panicked")
    assert.equal(cause, life.unusable("stopped", cause))
  end)
end)

-- The machine is a stand-in, which stops the agent as QEMU would stop the guest.
describe("A sandbox's life", function()
  setup(standin.setup)
  teardown(standin.teardown)

  local box
  local function make(more)
    box = assert(sandbox.new(standin.options(standin.native(), more)))
    return box
  end
  after_each(function() if box then box:close() end end)

  -- Stops a process, and waits until it has: signals go by the supervisor.
  local function stand_still(child)
    child:signal(19) -- SIGSTOP
    repeat
      task.yield()
      local file <close> = assert(io.open(("/proc/%d/stat"):format(child:pid())))
    until file:read "a":match "^.*%) (%a)" == "T"
  end

  local function refused(from, to, ok, why)
    assert.is_nil(ok)
    assert.same({ "invalid_transition", from, to }, { why.kind, why.from, why.to })
  end

  it("begins as created, and runs once the agent answers", function()
    box = assert(sandbox.launch(standin.options(standin.native())))
    assert.equal("created", box:state())
    refused("created", "paused", box:pause())
    refused("created", "running", box:resume())
    refused("created", "stopped", box:stop())
    assert.is_true(box:wait_ready())
    assert.equal("running", box:state())
  end)

  it("can be called off before the guest is there", function()
    box = assert(sandbox.launch(standin.options(standin.shell "exec sleep 1000")))
    local dir = box.vm.dir
    assert.is_true(box:destroy())
    assert.equal("destroyed", box:state())
    assert.is_false(standin.exists(dir))
    local ok, why = box:wait_ready()
    assert.is_nil(ok)
    assert.equal("invalid_transition", why.kind)
  end)

  it("stands still while it is paused, and goes on", function()
    make()
    local running <close> = assert(box:start "while read line; do echo got $line; done")
    assert(running:write "one\n")
    assert.equal("got one\n", running:read())
    assert.is_true(box:pause())
    assert.equal("paused", box:state())
    assert(running:write "two\n")
    for _, call in ipairs {
      function() return box:exec "true" end, function() return box:start "true" end,
      function() return box:put("/etc/passwd", "/tmp/x") end,
      function() return box:get("/etc/passwd", "/tmp/x") end,
    } do
      local ok, why = call()
      assert.is_nil(ok)
      assert.equal("invalid_transition", why.kind)
      assert.matches("the sandbox is paused: resume it first", why.message, 1, true)
    end
    local healthy, why = box:health_check()
    assert.is_false(healthy)
    assert.equal("invalid_transition", why.kind)
    refused("paused", "paused", box:pause())
    assert.is_true(box:resume())
    assert.equal("running", box:state())
    assert.equal("got two\n", running:read())
    assert.is_true(box:health_check())
    refused("running", "running", box:resume())
  end)

  it("is not taken for dead while it is paused, and is watched again afterwards", function()
    make { heartbeat_ms = 200 }
    assert(box:pause())
    task.sleep(500) -- more than silence is given
    assert.equal("paused", box:state())
    assert(box:resume())
    assert.equal(0, assert(box:exec "true").exit_code)
    -- Stopped behind our back, it is silent.
    assert(box.vm.control:execute "stop")
    local r, why
    repeat r, why = box:exec "true" until not r -- it may stand a moment later
    assert.matches("has not answered for 200 ms", why.message, 1, true)
    assert.equal("stopped", box:state())
  end)

  it("lets a command's time run out while it is paused", function()
    make()
    local r
    task.scope(function()
      task.spawn(function()
        r = assert(box:exec("sleep 1000", { timeout_ms = 700, grace_ms = 50 }))
      end)
      while not box.vm.agent:busy() do task.yield() end
      assert(box:exec "true")
      assert(box:pause())
    end)
    assert.same({ true, -1 }, { r.timed_out, r.exit_code })
    assert.equal("paused", box:state())
  end)

  it("can be stopped while it is paused: the guest goes on to power off", function()
    make()
    assert(box:pause())
    assert.is_true(box:stop(5000))
    assert.equal("stopped", box:state())
    assert.same({ 0, 0 }, { box.vm.ended.code, box.vm.ended.signal }) -- it was not killed
    refused("stopped", "running", box:resume())
    refused("stopped", "paused", box:pause())
    refused("stopped", "stopped", box:stop())
  end)

  it("can be destroyed while it is paused, and twice", function()
    make()
    local dir, pid = box.vm.dir, box.vm.child:pid()
    assert(box:pause())
    assert.is_true(box:destroy())
    assert.is_true(box:destroy())
    assert.equal("destroyed", box:state())
    assert.is_false(standin.exists(dir))
    assert.is_false(standin.alive(pid))
    refused("destroyed", "paused", box:pause())
    refused("destroyed", "running", box:resume())
    refused("destroyed", "stopped", box:stop())
    local r, why = box:exec "true"
    assert.is_nil(r)
    assert.equal("invalid_transition", why.kind)
    assert.matches("destroyed", why.message, 1, true)
  end)

  it("keeps its directory when it stops, and loses it when it is destroyed", function()
    make()
    local dir = box.vm.dir
    assert(box:stop())
    assert.is_true(standin.exists(dir))
    assert(box:destroy())
    assert.is_false(standin.exists(dir))
  end)

  it("says why it died, whoever asks for what", function()
    make()
    box.vm.child:signal(9)
    local r, cause = box:exec "sleep 1000"
    assert.is_nil(r)
    assert.equal("stopped", box:state())
    local again, same = box:exec "true"
    assert.is_nil(again)
    assert.equal(cause, same)
    local ok, why = box:pause()
    refused("stopped", "paused", ok, why)
    assert.matches("was killed by signal 9", why.message, 1, true)
    assert.equal(cause, why.cause)
  end)

  it("takes moves one at a time, however many are asked for at once", function()
    make()
    local results = {}
    local function note(name, ok, why) results[#results + 1] = { name, ok, why } end
    task.scope(function()
      for _, name in ipairs { "pause", "pause", "resume", "resume", "pause", "stop", "resume" } do
        task.spawn(function() note(name, box[name](box)) end)
      end
    end)
    assert.equal("stopped", box:state())
    local done = { pause = 0, resume = 0, stop = 0 }
    for _, result in ipairs(results) do
      assert.is_true(result[2] or result[3].kind == "invalid_transition", tostring(result[3]))
      done[result[1]] = done[result[1]] + (result[2] and 1 or 0)
    end
    assert.equal(7, #results)
    assert.equal(1, done.stop)
    -- Each resume undid one pause, whatever their order.
    local paused = done.pause - done.resume
    assert.is_true(done.pause > 0 and (paused == 0 or paused == 1))
  end)

  it("has ended when who waits for its guest to power off is called off", function()
    make()
    box.vm.agent.poweroff = function() end -- the guest does not
    local stopping = task.spawn(function() return box:stop(60000) end)
    task.yield()
    assert.equal("stopped", box:state())
    assert.is_nil(box.vm.ended)
    stopping:cancel()
    local ok, why = stopping:await()
    assert.same({ nil, "cancelled" }, { ok, why.kind })
    -- By signal 9, unless it has seen its port close first.
    assert.is_table(box.vm.ended)
  end)

  it("is given up if it cannot be told whether QEMU has paused it", function()
    make()
    box.vm.control = assert(box.vm:qmp())
    stand_still(box.vm.child) -- it will not answer
    local pausing = task.spawn(function() return box:pause() end)
    task.yield()
    pausing:cancel() -- for which it has two seconds
    local ok, why = pausing:await()
    assert.same({ nil, "cancelled" }, { ok, why.kind })
    assert.equal("stopped", box:state())
    local r, cause = box:exec "true"
    assert.is_nil(r)
    assert.matches("QEMU did not answer stop", cause.message, 1, true)
    assert(box:destroy())
  end)

  it("is destroyed by one while another waits for QEMU", function()
    make()
    local ok, why
    box.vm.control = assert(box.vm:qmp())
    stand_still(box.vm.child) -- it will not answer
    task.scope(function()
      task.spawn(function() ok, why = box:pause() end)
      task.yield()
      assert(box:destroy())
      assert(box:destroy())
    end)
    assert.is_nil(ok)
    assert.equal("invalid_transition", why.kind)
    assert.equal("destroyed", box:state())
  end)
end)
