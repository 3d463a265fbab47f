local entry = require "kavach.prompt.entry"

describe("an entry of the prompt", function()
  it("is empty, a command, a question, or Lua", function()
    for text, kind in pairs {
      [""] = "empty", [" \n"] = "empty", ["-- x"] = "empty", ["--[[ x"] = "more",
      [".ps"] = "command", [".5"] = "lua", ["..."] = "lua",
      ["a.b:c? -- x"] = "help", ["x = '?'"] = "lua",
      ["end?"] = "error", ["a?b"] = "error", ["f() -- ?"] = "lua",
    } do
      assert.equal(kind, entry.parse(text).kind, text)
    end
    assert.same({ kind = "command", name = "attach", rest = "box 3" },
      entry.parse " .attach  box 3 ")
    assert.same({ kind = "help", subject = "box:exec" }, entry.parse "box:exec ?")
    assert.same({ kind = "help", subject = ".attach" }, entry.parse ".attach?")
  end)

  it("is an expression if it can be one, with or without '=' before and ';' behind", function()
    for _, text in ipairs { "1 + 1", "=1 + 1", "1 + 1;", "1\n+ 1 -- two" } do
      local found = entry.parse(text)
      assert.is_true(found.expression, text)
      assert.equal(2, load(found.chunk)(), text)
    end
    assert.is_false(entry.parse("x = 1").expression)
    assert.equal("error", entry.parse("= x = 1").kind)
  end)

  it("runs in the background behind '&'", function()
    local found = entry.parse "& local x = 1"
    assert.same({ true, { "x" }, "        x = 1" }, { found.background, found.names, found.chunk })
    assert.is_false(entry.parse("f()").background)
    assert.equal("error", entry.parse("&").kind)
  end)

  it("is not whole where further lines could make it so", function()
    for _, text in ipairs { "f(", "x =", "{1,", "1 +", "=", "for i = 1, 2 do", "'a\\", "[[a",
      "function(x)", "& f(" } do
      assert.equal("more", entry.parse(text).kind, text)
    end
    assert.equal("error", entry.parse("'a").kind)
  end)

  it("tells what is wrong, with the line only if there are several", function()
    for text, message in pairs {
      ["x y"] = "syntax error near 'y'", ["1 + * 2"] = "unexpected symbol near '*'",
      ["a = 1\nb = = 2"] = "line 2: unexpected symbol near '='",
      ["\n x y \n"] = "syntax error near 'y'", ["'a"] = "unfinished string near ''a'",
      ["local x <const> = 1 x = 2"] = "attempt to assign to const variable 'x'",
      [("("):rep(1 << 20)] = "C stack overflow",
    } do
      assert.same({ kind = "error", message = message }, entry.parse(text), text:sub(1, 40))
    end
  end)

  it("is called by its number in errors of its code", function()
    local found = entry.parse("error 'x'", 7)
    local _, message = pcall(load(found.chunk, found.chunk_name))
    assert.equal("(7):1: x", message)
  end)

  it("takes time in proportion to hostile text", function()
    for _, piece in ipairs { "local x ", "(", " ", "\n", "x=1 ", "a.", ".", "&", "--\n", ".a " } do
      local begun = os.clock()
      entry.parse(piece:rep((1 << 20) // #piece))
      assert.is_true(os.clock() - begun < 10, piece)
    end
  end)
end)

describe("the locals of an entry", function()
  it("become names that are kept, each in its place", function()
    for text, chunk in pairs {
      ["local x = 1"] = "      x = 1", ["local x, y"] = "      x, y = nil",
      ["local x <const> = 1; return x"] = "      x         = 1; return x",
      ["local\nx\n= 1"] = "     \nx\n= 1", ["local x y = 5"] = "      x = nil y = 5",
      ["local x -- z\n(f)()"] = "      x = nil -- z\n(f)()",
      ["local function f() local a end"] = "      function f() local a end",
      ["if x then local y elseif z then local y else local y end local u"] =
        "if x then local y elseif z then local y else local y end       u = nil",
      ["while f(function() local x end) do local y end local z = 1"] =
        "while f(function() local x end) do local y end       z = 1",
      ["::a:: local x = { function() local y end }"] = "::a::       x = { function() local y end }",
      ["repeat local x = 1 until x do local y end"] = "repeat local x = 1 until x do local y end",
      ["local s = 'local q' --[[local e]] local r = 1"] =
        "      s = 'local q' --[[local e]]       r = 1",
    } do
      assert.equal(chunk, entry.parse(text).chunk, text)
    end
    assert.same({ "f", "c" }, entry.parse("local function f() end local c local f").names)
  end)

  it("stay what they are if they are to be closed, which is said", function()
    local found = entry.parse "local x, y <close> = 1, nil local x = 2 local z = 3"
    assert.equal("local x, y <close> = 1, nil local x = 2       z = 3", found.chunk)
    assert.same({ "z" }, found.names)
    assert.same({ "x and y are closed at the end of this entry, and not kept" }, found.notes)
    assert.same({}, entry.parse("local _ENV = {} local x = 1").names)
  end)
end)
