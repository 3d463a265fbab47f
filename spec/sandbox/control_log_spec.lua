local log = require "kavach.sandbox.control.log"

describe("the log of a command", function()
  it("gives what came since it was looked at", function()
    local l = log.new(100)
    assert.same({ "", 0, 0 }, { l:since(0) })
    l:append "one"
    l:append ""
    l:append "two"
    assert.same({ "onetwo", 6, 0 }, { l:since(0) })
    assert.same({ "etwo", 6, 0 }, { l:since(2) })
    assert.same({ "", 6, 0 }, { l:since(6) })
  end)

  it("keeps the end, and tells how much is lost", function()
    local l = log.new(10)
    for i = 0, 99 do l:append(("%02d "):format(i)) end
    local bytes, seen, lost = l:since(0)
    assert.same({ "96 97 98 99 ", 300, 288 }, { bytes, seen, lost })
    assert.same({ "98 99 ", 300, 0 }, { l:since(294) })
    l:append(("x"):rep(1000))
    assert.same({ ("x"):rep(1000), 1300, 0 }, { l:since(300) })
    l:append "y"
    assert.same({ ("x"):rep(1000) .. "y", 1301, 300 }, { l:since(0) })
  end)

  it("does not hold each byte on its own", function()
    local l = log.new(4096)
    for i = 0, 9999 do l:append(tostring(i % 10)) end
    local bytes, seen, lost = l:since(0)
    assert.same({ 10000, 10000 - #bytes }, { seen, lost })
    assert.is_true(#bytes >= 4096 and #bytes <= 4096 + 4096 // 256)
    assert.equal((("0123456789"):rep(1000)):sub(-#bytes), bytes)
    assert.same({ "789", 10000, 0 }, { l:since(9997) })
    local count = 0
    for _ in next, l.pieces do count = count + 1 end
    assert.is_true(count <= 257)
  end)

  it("wakes who follows it", function()
    local l, woken = log.new(10), 0
    l.changed:watch(function() woken = woken + 1 end)
    l:append "x"
    l:finish()
    assert.same({ 2, true }, { woken, l.ended })
  end)
end)
