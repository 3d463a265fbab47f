local pattern = require "kavach.batch.attempt.pattern"

local function read(text) return assert(pattern.read(text)) end
local function matches(text, path) return pattern.matches(read(text), path) end

describe("a pattern for files of a guest", function()
  it("matches what a shell would", function()
    for _, case in ipairs {
      { "a", "a" }, { "a/b", "a/b" }, { "/a", "/a" }, { "./a//b/", "a/b" },
      { "*", "a" }, { "*", "*" }, { "out/*.png", "out/1.png" }, { "out/*.png", "out/\n.png" },
      { "*/*", "a/b" }, { "a*b*c", "axxbxbyc" }, { "a*b*c", "abc" }, { "**", "abc" },
      { "?", "x" }, { "?", "é" }, { "?", "\xff" }, { "?b", "\xe2b" }, { "[é-ü]", "ö" },
      { "[a-c]x", "bx" }, { "[!a-c]x", "dx" }, { "[^a-c]x", "dx" }, { "[]]", "]" },
      { "[!]]", "a" }, { "[a-]", "-" }, { "[*]", "*" }, { "[?]", "?" }, { "[", "[" },
      { "a[b", "a[b" }, { "[]", "[]" }, { "\\*", "\\x" }, { "$(id)`x`", "$(id)`x`" },
      { ".*", ".x" }, { "[[]", "[" }, { "a'b", "a'b" }, { "\xff*", "\xffa" },
    } do assert.is_true(matches(case[1], case[2]), case[1] .. " " .. case[2]) end
    for _, case in ipairs {
      { "a", "b" }, { "a", "/a" }, { "/a", "a" }, { "a", "a/b" }, { "a/b", "a" }, { "*", "a/b" },
      { "*", ".x" }, { "?x", ".x" }, { "[.]x", ".x" }, { "[!a]x", ".x" }, { "?", "ab" },
      { "?", "" }, { "?", "\xe2b" }, { "[a-c]x", "dx" }, { "[!a-c]x", "bx" }, { "[*]", "a" },
      { "a*b*c", "axxbxby" }, { "[a-c]", "B" }, { "*.png", "x.jpg" }, { "a", "" }, { "*", "" },
    } do assert.is_false(matches(case[1], case[2]), case[1] .. " " .. case[2]) end
  end)

  it("matches nothing that leads elsewhere, whatever a guest may name", function()
    for _, text in ipairs { "*", ".*", "*/*", ".*/.*", "*/x", ".*/x", "[.][.]/x", "??/x" } do
      for _, path in ipairs {
        "..", ".", "../x", "./x", "a/..", "..//x", "/x", "//x", "a//x", "a/",
      } do
        assert.is_false(matches(text, path), text .. " " .. path)
      end
    end
    assert.is_false(matches("/*", "/.."))
    assert.is_false(matches("/*/*", "//x"))
  end)

  it("takes no longer than the lengths say", function()
    local begun = os.clock()
    assert.is_false(matches(("a*"):rep(500) .. "b", ("a"):rep(3000)))
    assert.is_true(os.clock() - begun < 2)
  end)

  it("is refused where it is none", function()
    for text, why in pairs {
      [""] = "must name something in a folder", ["/"] = "must name something in a folder",
      ["./."] = "must name something in a folder", ["../x"] = "must not lead out",
      ["a/../b"] = "must not lead out", ["/.."] = "must not lead out", ["a\0b"] = "NUL",
      [("x"):rep(4096)] = "at most 4095 bytes", [("a/"):rep(300)] = "too many folders",
    } do
      local got, message = pattern.read(text)
      assert.is_nil(got)
      assert.matches(why, message, 1, true)
    end
  end)

  it("is a word for the guest's shell that matches no less, and runs nothing", function()
    assert.equal("'out'/*'.png'", pattern.word(read "out/*.png"))
    assert.equal("/'a'*'b'", pattern.word(read "/a?[x-z]*b"))
    assert.equal("'a'\\''b'/'$(id) `x`'", pattern.word(read "a'b/$(id) `x`"))
    assert.equal("'\\'*'\xff'", pattern.word(read "\\*\xff"))
  end)

  it("tells whether it is the name of one file, and which", function()
    assert.is_false(read("a/[b").magic)
    assert.equal("a/[b\xff", pattern.path(read "./a//[b\xff"))
    assert.equal("/a", pattern.path(read "/a/"))
    for _, text in ipairs { "a/*", "?", "[a]" } do assert.is_true(read(text).magic) end
  end)
end)
