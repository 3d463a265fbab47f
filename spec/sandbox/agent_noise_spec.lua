--- The host's end of the wire against what a guest may make up.

local agent = require "kavach.sandbox.agent"
local command = require "kavach.sandbox.command"
local err = require "kavach.err"
local native = require "support.native"
local noise = require "support.noise"
local pair = require "support.pair"
local task = require "kavach.task"
local transfer = require "kavach.sandbox.transfer"
local wire = require "kavach.sandbox.wire"

local function u32(n) return string.pack("<I4", n) end

describe("The agent's client, with a guest that makes things up,", function()
  -- Frames as an agent sends them, if perhaps not now.
  local function started(channel) return wire.frame(wire.STARTED, channel, noise.u32()) end
  local function credit(channel) return wire.frame(wire.CREDIT, channel, u32(0) .. noise.u32()) end
  local function output(channel, kind)
    return wire.frame(kind or wire.STDOUT, channel,
      noise.bytes(math.random(1, 200)):rep(noise.chance(20) and 300 or 1))
  end
  local function errors(channel) return output(channel, wire.STDERR) end
  local function exited(channel)
    return wire.frame(wire.EXIT, channel, u32(math.random(0, 255)) .. u32(math.random(0, 64))
      .. u32(math.random(0, 1)) .. u32(0) .. noise.bytes(16))
  end
  local function failed(channel)
    return wire.frame(wire.FAILED, channel, noise.u32() .. noise.text(50))
  end
  local function done(channel)
    return wire.frame(wire.DONE, channel, noise.u32() .. noise.u32() .. noise.u32())
  end
  local function pong() return wire.frame(wire.PONG, 0, noise.bytes(math.random(0, 64))) end

  -- What fits the channels: a command, a file that comes, a file that goes, and one that is not.
  local fitting = {
    { started, credit, output, errors, exited, failed, pong },
    { output, output, done, failed },
    { credit, credit, done, failed },
    { started, credit, output, errors, exited, failed, done },
  }
  local function conversation()
    local frames = { wire.frame(wire.WELCOME, 0, u32(wire.VERSION) .. u32(0) .. "k\0a\0") }
    for i = 2, math.random(2, 12) do
      local channel = math.random(#fitting)
      frames[i] = noise.pick(fitting[noise.chance(25) and 4 or channel])(channel)
    end
    local bytes = table.concat(frames)
    return noise.chance(4) and noise.mutate(bytes) or bytes
  end

  it("survives any conversation, with all that it has under way", function()
    noise.begin()
    local target = os.tmpname()
    local ends = { exit = 0, done = 0, lie = 0 }
    for _ = 1, 150 do
      local near, far = pair.connect()
      local client = agent.new()
      local running = assert(command.start(client, { argv = { "cat" }, stdin = true }))
      local exit, got, put, why_got, why_put
      assert(task.deadline(20000, function()
        task.scope(function()
          task.spawn(function() got, why_got = transfer.get(client, "/x", target, 1 << 30) end)
          task.spawn(function()
            put, why_put = transfer.put(client, native.program, "/x", 1 << 30)
          end)
          task.spawn(function()
            running:write(("x"):rep(wire.STDIN_WINDOW + 1))
            exit = running:wait()
          end)
          task.spawn(function() while running:read() do task.yield() end end)
          client:attach(near)
          far:write(conversation())
          far:shutdown()
        end)
        return true
      end))
      assert.is_true(client.lost == nil or err.is(client.lost), noise.said)
      assert.is_false(client:busy(), noise.said)
      assert.is_true(got or err.is(why_got), noise.said)
      assert.is_true(put or err.is(why_put), noise.said)
      assert.is_true(running.stdout.credit >= 0 and running.stderr.credit >= 0, noise.said)
      ends.exit = ends.exit + (exit and 1 or 0)
      ends.done = ends.done + (got and 1 or 0) + (put and 1 or 0)
      ends.lie = ends.lie + (client.lost and client.lost.message:find("broke", 1, true) and 1 or 0)
      client:lose(err.new("io", "over"))
      far:close()
    end
    os.remove(target)
    -- Each happens, or it would prove nothing.
    assert.is_true(ends.exit > 2 and ends.done > 20 and ends.lie > 10 and ends.lie < 100,
      ("%s: %d exits, %d files, %d lies"):format(noise.said, ends.exit, ends.done, ends.lie))
  end)
end)
