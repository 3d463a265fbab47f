local names = require "kavach.batch.report.names"

describe("the name of a job's folder", function()
  it("is the id where that can stand", function()
    for _, id in ipairs { "index", "img_0001.png", "a b", "x@y+z=1,2", "日本語.png", "é" } do
      assert.equal(id, names.folder(id))
    end
  end)

  it("has %XX for what cannot, or had better not", function()
    local shown = {}
    for i, id in ipairs { "a/b", "..", ".", "../../etc", ".hidden", "-rf", " a ", "a\nb", "50%",
      "~", "a\0b", "\xff", "*?", "\u{202e}x" } do
      shown[i] = names.folder(id)
    end
    assert.same({ "a%2Fb", "%2E.", "%2E", "%2E.%2F..%2Fetc", "%2Ehidden", "%2Drf", "%20a%20",
      "a%0Ab", "50%25", "%7E", "a%00b", "%FF", "%2A%3F", "%E2%80%AEx" }, shown)
  end)

  it("is at most 200 bytes long, and ends in a digest then", function()
    local long = names.folder(("/"):rep(10240))
    assert.matches("^[%%2F]+~%x+$", long)
    assert.is_true(#long <= 200)
    assert.is_nil(long:find "%%2?~")
    assert.equal(("x"):rep(200), names.folder(("x"):rep(200)))
    local cut = names.folder(("é"):rep(5000))
    assert.is_true(#cut <= 200 and utf8.len(cut) ~= nil)
  end)

  it("differs from that of any other id", function()
    local ids, seen = { "a/b", "a%2Fb", "a%2fb", "a\\b", "a", "a ", " a", "a~b" }, {}
    for i = 1, 40 do
      ids[#ids + 1] = ("x"):rep(300) .. i
      ids[#ids + 1] = i .. ("/"):rep(300)
    end
    ids[#ids + 1] = names.folder(("x"):rep(300) .. "1") -- an id that looks like a name
    for _, id in ipairs(ids) do
      local name = names.folder(id)
      assert.is_nil(seen[name], name)
      assert.is_nil(name:find "[/%z\n]")
      seen[name] = id
    end
  end)
end)
