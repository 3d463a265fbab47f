local flow = require "kavach.sandbox.flow"
local task = require "kavach.task"
local wire = require "kavach.sandbox.wire"

describe("A stream from the agent", function()
  local granted, stream
  before_each(function()
    granted = 0
    stream = flow.inflow(function(bytes) granted = granted + bytes end)
  end)

  local function fill(bytes)
    local sent = 0
    while sent + #bytes <= flow.WINDOW do
      assert.is_true(stream:receive(bytes))
      sent = sent + #bytes
    end
  end

  it("gives no credit while nobody takes what came", function()
    fill(("x"):rep(1024))
    assert.equal(0, granted)
  end)

  it("gives credit back as it is read", function()
    fill(("x"):rep(1024))
    local half = flow.WINDOW // 2
    for _ = 1, half // 1024 do assert.equal(1024, #stream:read()) end
    assert.equal(half, granted)
  end)

  it("refuses more than it gave credit for", function()
    fill(("x"):rep(1024))
    assert.is_false(stream:receive "y")
  end)

  it("gives what came in order, in pieces no longer than asked for", function()
    stream:receive "abcdef"
    stream:receive "gh"
    stream:finish()
    assert.same({ "abcd", "ef", "gh" }, { stream:read(4), stream:read(4), stream:read(4) })
    assert.is_nil((stream:read(4)))
  end)

  it("wakes its reader when bytes come, and at the end", function()
    local seen = {}
    task.scope(function()
      task.spawn(function()
        for bytes in function() return stream:read() end do seen[#seen + 1] = bytes end
        seen[#seen + 1] = "end"
      end)
      task.spawn(function()
        for _, bytes in ipairs { "a", "b" } do
          stream:receive(bytes)
          task.yield()
        end
        stream:finish()
      end)
    end)
    assert.same({ "a", "b", "end" }, seen)
  end)

  it("keeps up to a limit when collected, drops the rest, and goes on giving credit", function()
    stream:receive "123"
    stream:collect(10)
    for _ = 1, 1000 do assert.is_true(stream:receive(("y"):rep(60000))) end
    local bytes, truncated = stream:collected()
    assert.equal("123yyyyyyy", bytes)
    assert.is_true(truncated)
    assert.is_true(granted >= 1000 * 60000 - flow.WINDOW)
  end)

  it("is not truncated by exactly its limit", function()
    stream:collect(3)
    stream:receive "123"
    assert.same({ "123", false }, { stream:collected() })
  end)

  it("joins single bytes as it collects them", function()
    stream:collect(100000)
    for _ = 1, 10000 do stream:receive "z" end
    assert.is_true(#stream.capture.parts + #stream.capture.joined < 1000)
    assert.equal(("z"):rep(10000), (stream:collected()))
  end)

  it("gives credit for what it held when its bytes are dropped", function()
    fill(("x"):rep(1024))
    stream:discard()
    assert.equal(flow.WINDOW, granted)
    for _ = 1, 100 do assert.is_true(stream:receive(("x"):rep(65536))) end
  end)
end)

describe("A stream to the agent", function()
  local sent, stream
  before_each(function()
    sent = {}
    stream = flow.outflow(function(bytes) sent[#sent + 1] = bytes end)
  end)

  it("sends frames of at most 64 KiB, a window of them unasked", function()
    assert.is_true(stream:write(("x"):rep(wire.STDIN_WINDOW)))
    assert.same({ wire.DATA_MAX, wire.DATA_MAX }, { #sent[1], #sent[2] })
    assert.is_nil(sent[3])
  end)

  it("waits for credit beyond the window", function()
    local done = false
    task.scope(function()
      local writer = task.spawn(function()
        assert(stream:write(("x"):rep(wire.STDIN_WINDOW + 10)))
        done = true
      end)
      task.yield()
      assert.is_false(done)
      stream:allow(4)
      task.yield()
      assert.is_false(done)
      stream:allow(6)
      writer:await()
    end)
    assert.equal(wire.STDIN_WINDOW + 10, #table.concat(sent))
  end)

  it("fails who writes when nobody reads it any more", function()
    local ok, why
    task.scope(function()
      task.spawn(function() ok, why = stream:write(("x"):rep(wire.STDIN_WINDOW + 1)) end)
      task.yield()
      stream:allow(0)
    end)
    assert.is_nil(ok)
    assert.equal("io", why.kind)
  end)

  it("ends with one empty frame", function()
    stream:write "x"
    stream:close()
    stream:close()
    assert.same({ "x", "" }, sent)
    assert.is_nil((stream:write "y"))
  end)
end)
