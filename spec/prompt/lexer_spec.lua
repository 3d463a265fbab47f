local lexer = require "kavach.prompt.lexer"

-- "kind text" of each token, "!" behind those that are unfinished.
local function read(text)
  local out = {}
  for i, token in ipairs(lexer.tokens(text)) do
    assert.equal(token.text, text:sub(token.from, token.to))
    out[i] = token.kind .. " " .. token.text .. (token.unfinished and "!" or "")
  end
  return out
end

describe("the prompt's lexer", function()
  it("tells names, keywords, numbers and symbols", function()
    assert.same({ "keyword local", "name x1", "symbol =", "number 0x1p-3", "symbol ..", "number .5",
      "symbol //", "number 3e+2", "symbol ::", "symbol ...", "symbol ~=", "symbol <", "symbol ?" },
      read "local x1=0x1p-3 .. .5//3e+2::...~=<?")
    assert.same({ "name a", "symbol .", "name b", "symbol :", "name c" }, read "a.b:c")
    assert.same({ "number 3x", "number 1..2" }, read "3x 1..2")
    assert.same({ "symbol é", "name a" }, read "éa")
  end)

  it("takes strings and comments whole, whatever is in them", function()
    assert.same({ [[string "a\"b'"]], [[string '\\']], "string [[x]]", "string [==[ ]] ]==]" },
      read([["a\"b'" '\\' ]] .. "[[x]] [==[ ]] ]==]"))
    assert.same({ "comment -- 'a", "name b" }, read "-- 'a\nb")
    assert.same({ "comment --[[ a\n ]]", "name b" }, read "--[[ a\n ]]b")
    assert.same({ "string 'a\\\nb'", "string 'a\\z \n b'" }, read "'a\\\nb''a\\z \n b'")
  end)

  it("marks what has no end, and goes on behind the line of a string", function()
    assert.same({ "string 'a!", "name b" }, read "'a\nb")
    assert.same({ 'string "a\\!' }, read '"a\\')
    assert.same({ "string [=[ ]]!" }, read "[=[ ]]")
    assert.same({ "comment --[[ a!" }, read "--[[ a")
    assert.is_nil(lexer.tokens("-- a")[1].unfinished)
  end)

  it("takes time in proportion to hostile text", function()
    for _, piece in ipairs { "[[", "[=", '"', "'", '"\\', "--[", "(", "\\z", "1e", "é", "\"\n" } do
      local begun = os.clock()
      lexer.tokens(piece:rep((1 << 20) // #piece))
      assert.is_true(os.clock() - begun < 10, piece) -- a second at the most; a square takes hours
    end
  end)

  it("leaves nothing out but blanks", function()
    local file <close> = assert(io.open "lua/kavach/check.lua")
    local text, at = file:read "a", 1
    for _, token in ipairs(lexer.tokens(text)) do
      assert.equal("", (text:sub(at, token.from - 1):gsub("%s", "")))
      assert.is_nil(token.unfinished)
      at = token.to + 1
    end
    assert.equal("\n", text:sub(at))
  end)
end)
