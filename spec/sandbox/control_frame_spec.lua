local frame = require "kavach.sandbox.control.frame"
local json = require "kavach.json"

--- The frames that these bytes are, given in pieces of this size; and why there are no more.
local function decode(bytes, size)
  local decoder, list = frame.decoder(), {}
  for at = 1, #bytes, size do
    decoder:feed(bytes:sub(at, at + size - 1))
    while true do
      local kind, channel, payload = decoder:next()
      if not kind then
        if channel then return list, channel end
        break
      end
      list[#list + 1] = { kind, channel, payload }
    end
  end
  return list
end

local SOME <const> = {
  { frame.HELLO, 0, "{}" }, { frame.CALL, 1, '{"method":"ps"}' }, { frame.CANCEL, 0xffffffff, "" },
  { frame.DATA, 7, "\1" .. ("x"):rep(frame.DATA_MAX) }, { frame.CREDIT, 7, "\1\0\0\1\0" },
}

describe("frames of the control protocol", function()
  it("come out as they went in, however they are cut", function()
    local bytes = {}
    for i, each in ipairs(SOME) do bytes[i] = frame.encode(table.unpack(each)) end
    for _, size in ipairs { 1, 2, 3, 7, 9, 1000, 65536, 1 << 30 } do
      assert.same({ SOME }, { decode(table.concat(bytes), size) })
    end
  end)

  it("are laid out as documented", function()
    assert.equal("\7\0\0\0\1\0\0\0\0{}", frame.encode(frame.HELLO, 0, "{}"))
    assert.equal("\5\0\0\0\5\4\3\2\1", frame.encode(frame.CANCEL, 0x01020304))
  end)

  it("are refused by their first bytes, for ever", function()
    for text, what in pairs {
      [string.pack("<I4BI4", 5, 99, 0)] = "unknown kind 99",
      [string.pack("<I4BI4", 5, 0, 0)] = "unknown kind 0",
      [string.pack("<I4BI4", 0xffffffff, frame.DATA, 1)] = "length of 4294967295",
      [string.pack("<I4BI4", 0, frame.CANCEL, 1)] = "length of 0",
      [string.pack("<I4BI4", 6, frame.CANCEL, 1)] = "length of 6",
      [string.pack("<I4BI4", 5 + 4097, frame.HELLO, 0)] = "length of 4102",
      [string.pack("<I4BI4", 7 + frame.DATA_MAX, frame.DATA, 1)] = "length of",
      [string.pack("<I4BI4", 6 + frame.MESSAGE_MAX, frame.CALL, 1)] = "length of",
    } do
      local decoder = frame.decoder()
      decoder:feed(text)
      for _ = 1, 2 do
        local kind, why = decoder:next()
        assert.is_nil(kind)
        assert.matches(what, why, 1, true)
        decoder:feed(frame.encode(frame.HELLO, 0, "{}"))
      end
    end
  end)

  it("of any bytes at all end in frames or in an error", function()
    math.randomseed(7)
    for _ = 1, 2000 do
      local bytes = {}
      for i = 1, math.random(40) do bytes[i] = string.char(math.random(0, math.random(255))) end
      decode(table.concat(bytes), math.random(8))
    end
  end)
end)

describe("a message of the control protocol", function()
  local function through(message) return frame.parse_message(assert(frame.message(message))) end

  it("carries what JSON does, and bytes", function()
    local message = { a = { 1, "ü", true, { b = "\255\0\254" } }, ["$hex"] = "x", c = "\xff" }
    assert.same(message, through(message))
  end)

  it("leaves out what is null", function()
    assert.same({ b = 1 }, frame.parse_message '{"a":null,"b":1}')
  end)

  it("takes what is not quite an escape as it is", function()
    for _, text in ipairs { "zz", "f", "" } do
      local message = assert(frame.parse_message(assert(json.encode { a = { ["$hex"] = text } })))
      assert.same({ a = text == "" and "" or { ["$hex"] = text } }, message)
    end
    assert.same({ a = { ["$hex"] = "00", b = 1 } }, through { a = { ["$hex"] = "00", b = 1 } })
  end)

  it("is an object", function()
    for _, text in ipairs { "", "1", "[]", "null", "{", '{"a":1}x', '"\255"', ("["):rep(5000) } do
      local message, why = frame.parse_message(text)
      assert.is_nil(message)
      assert.is_string(why)
    end
  end)

  it("has a size that it may not exceed", function()
    local payload, why = frame.message { a = ("x"):rep(frame.MESSAGE_MAX) }
    assert.is_nil(payload)
    assert.matches("1048576 are the most", tostring(why), 1, true)
  end)
end)
