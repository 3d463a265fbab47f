local xml = require "kavach.xml"

describe("text in XML and HTML", function()
  it("has entities for what has a meaning there", function()
    assert.equal("&lt;a b=&quot;x&quot;&gt; &amp;amp; &#39;", xml.escape "<a b=\"x\"> &amp; '")
    assert.equal("plain, a-b_c/d: 1.5", xml.escape "plain, a-b_c/d: 1.5")
  end)

  it("has escapes for what XML has no way to write, and for what hides", function()
    assert.equal("\\x00\\x1b[31m\\xff \\u{202e}\\u{ffff}\\u{fffe}é\\x0a",
      xml.escape "\0\27[31m\xff \u{202e}\u{ffff}\u{fffe}é\n")
  end)

  it("keeps lines apart where there are to be some", function()
    assert.equal("a&lt;\n\n    b\\x0d\n", xml.lines "a<\n\n\tb\r\n")
  end)
end)
