local err = require "kavach.err"
local json = require "kavach.json"

local function refused(s)
  local value, e = json.decode(s)
  assert.is_nil(value)
  assert.is_true(err.is(e, "invalid_argument"))
  return tostring(e)
end

local function unencodable(v)
  local text, e = json.encode(v)
  assert.is_nil(text)
  assert.is_true(err.is(e, "invalid_argument"))
  return tostring(e)
end

describe("json.decode", function()
  it("reads every kind of value", function()
    assert.same({ a = { 1, 2.5, true, false, "x" }, b = {} },
      json.decode ' {"a" : [1, 2.5,true , false,\t"x"]\n, "b":{}} ')
    assert.equal(json.null, json.decode "null")
    assert.equal(json.null, json.decode("[1,null]")[2])
  end)

  it("keeps integers exact over all 64 bits, and apart from floats", function()
    for _, n in ipairs { 0, -1, 9007199254740993, math.maxinteger, math.mininteger } do
      local back = json.decode(("%d"):format(n))
      assert.equal("integer", math.type(back))
      assert.equal(n, back)
    end
    assert.equal("float", math.type(json.decode "1.0"))
    assert.equal("float", math.type(json.decode "1e3"))
    assert.matches("integer beyond 64 bits at byte 2", refused "[9223372036854775808]")
  end)

  it("reads the escapes of strings", function()
    assert.equal('a"\\/\b\f\n\r\t\0é😀', json.decode [["a\"\\\/\b\f\n\r\t\u0000\u00e9\ud83d\ude00"]])
  end)

  for text, why in pairs {
    [""] = "unexpected end", ["  "] = "unexpected end", ["[1"] = "expected",
    ["[1,]"] = "invalid value", ["[1 2]"] = "expected ','", ["{\"a\"}"] = "expected ':'",
    ["{a:1}"] = "expected a key",
    ["{\"a\":1,}"] = "expected a key", ["1 2"] = "more after the end", ["truex"] = "more after",
    ["tru"] = "invalid value", ["nil"] = "invalid value", ["'a'"] = "invalid value",
    ["NaN"] = "invalid value", ["[-Infinity]"] = "invalid value", ["nan"] = "invalid value",
    ["1e999"] = "out of range", ["0x10"] = "more after", ["01"] = "invalid value",
    ["-01"] = "invalid value", ["+1"] = "invalid value", [".5"] = "invalid value",
    ["1."] = "invalid number", ["1.e3"] = "invalid number", ["2.5e"] = "invalid number",
    ["-"] = "invalid value", ['"a'] = "unfinished string", ['"\\"'] = "unfinished string",
    ['"\\x41"'] = "invalid escape", ['"\\u12"'] = "invalid escape",
    ['"\\ud800"'] = "invalid escape",
    ['"\\ud800\\u0041"'] = "invalid escape", ['"\1"'] = "control character",
    ['"a\nb"'] = "control character", ['"\xff"'] = "invalid UTF%-8",
    ['"\xed\xa0\x80"'] = "invalid UTF%-8", ["\xef\xbb\xbf1"] = "invalid value",
    ['{"a":1,"a":2}'] = "duplicate key at byte 8", ['{"a":null,"\\u0061":2}'] = "duplicate key",
  } do
    it(("refuses %q"):format(text), function() assert.matches(why, refused(text)) end)
  end

  it("bounds the nesting, without using up the stack", function()
    assert.is_table(json.decode(("["):rep(100) .. ("]"):rep(100)))
    assert.matches("more than 100 deep at byte 101", refused(("["):rep(101) .. ("]"):rep(101)))
    assert.matches("nested", refused(("["):rep(1000000)))
    assert.matches("nested", refused(('{"a":'):rep(1000000)))
  end)

  it("raises for what is not a string", function()
    local ok, message = pcall(function() local v = json.decode(nil) return v end)
    assert.is_false(ok)
    assert.matches("json_spec.lua:%d+: json.decode: expected a string, got nil", message)
  end)
end)

describe("json.encode", function()
  it("gives the same bytes for the same value: keys in order", function()
    assert.equal('{"a":[1,2.5,true],"b":{"c":"x"},"z":null}',
      json.encode { z = json.null, b = { c = "x" }, a = { 1, 2.5, true } })
  end)

  it("keeps integers exact, and floats floats", function()
    assert.equal("[9223372036854775807,-9223372036854775808,1,1.0,0.1,1e+300]",
      json.encode { math.maxinteger, math.mininteger, 1, 1.0, 0.1, 1e300 })
    for _, n in ipairs { 1 / 3, 0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0, 2 ^ 53 } do
      local back = json.decode(json.encode(n))
      assert.equal("float", math.type(back))
      assert.equal(("%a"):format(n), ("%a"):format(back))
    end
  end)

  it("tells an empty array from an empty object, both ways", function()
    assert.equal("{}", json.encode {})
    assert.equal("[]", json.encode(json.array()))
    assert.equal('{"a":[],"o":{}}', json.encode(json.decode '{"o":{},"a":[]}'))
    assert.is_true(json.is_array(json.decode "[]"))
    assert.is_false(json.is_array(json.decode "{}"))
  end)

  it("escapes what a string may not hold, and nothing else", function()
    assert.equal([["\"\\/\b\f\n\r\t\u0000\u001b\u007fé😀"]], json.encode '"\\/\b\f\n\r\t\0\27\127é😀')
  end)

  it("refuses what JSON has no form for", function()
    assert.matches("NaN", unencodable(0 / 0))
    assert.matches("infinity", unencodable { a = { -1 / 0 } })
    assert.matches("UTF%-8", unencodable "\xff")
    assert.matches("UTF%-8", unencodable { ["\xff"] = 1 })
    assert.matches("function", unencodable { print })
    assert.matches("holes", unencodable { 1, nil, 3 })
    assert.matches("holes", unencodable { [100] = 1 })
    assert.matches("holes or other keys", unencodable { 1, a = 2 })
    assert.matches("other keys", unencodable(json.array { a = 1 }))
    assert.matches("number as key", unencodable { [1.5] = 1 })
    assert.matches("table as key", unencodable { [{}] = 1 })
  end)

  it("refuses a cycle", function()
    local t = {}
    t.t = t
    assert.matches("nested more than 100 deep", unencodable(t))
  end)

  it("reads tables with raw access", function()
    local sly = setmetatable({ a = 1 }, { __index = error, __pairs = error, __len = error })
    assert.equal('{"a":1}', json.encode(sly))
  end)
end)
