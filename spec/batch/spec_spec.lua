local json = require "kavach.json"
local spec = require "kavach.batch.spec"

describe("a job's table as text", function()
  it("is JSON, readable where its bytes are UTF-8", function()
    assert.equal('{"command":["a","é"],"env":{"A":"b"},"id":"x","retries":2}',
      spec.text { id = "x", command = { "a", "é" }, env = { A = "b" }, retries = 2 })
  end)

  it("comes back as it was, whatever bytes are in it", function()
    local all = {}
    for i = 0, 255 do all[i + 1] = string.char(i) end
    for _, value in ipairs {
      { id = table.concat(all), command = { "\xff", "a", "\xc3" } },
      { env = { ["\xff"] = "\xfe", A = "b" } }, { env = { ["$base64"] = "AAAA" } },
      { env = { ["$pairs"] = "x" } }, { env = { ["$base64"] = "x", ["$pairs"] = "y" } },
      { list = { [1] = "a", [3] = "b" } }, { n = 1.5, i = 1 << 62, yes = true, no = false },
      { 1, 2, { x = { { "\xff" } } } }, { put = {}, ["\xff"] = { ["\xff"] = { ["$pairs"] = {} } } },
      {},
    } do
      local text = assert(spec.text(value))
      assert.is_nil(text:find "\n")
      assert.same(value, spec.of(text))
    end
    for size = 0, 70 do
      local value = { id = ("\xff"):rep(size) }
      assert.same(value, spec.of(assert(spec.text(value))))
    end
  end)

  it("leaves the table as it is", function()
    local value = { id = "\xff", env = { A = "\xff" } }
    spec.text(value)
    assert.same({ id = "\xff", env = { A = "\xff" } }, value)
  end)

  it("is none if there is a function in it, or no end", function()
    local _, why = spec.text { id = "x", retry_if = print }
    assert.matches("a function has no JSON form", why.message, 1, true)
    local circle = {}
    circle.circle = circle
    _, why = spec.text(circle)
    assert.matches("nested more than", why.message, 1, true)
  end)

  it("is refused where its bytes are none", function()
    for _, text in ipairs { '{"$base64":"A"}', '{"$base64":"A==="}', '{"$base64":"é==="}',
      '{"a":{"$pairs":[1]}}', '{"a":' } do
      local value, why = spec.of(text)
      assert.is_nil(value)
      assert.equal("invalid_argument", why.kind)
    end
    assert.same({ ["$base64"] = json.array() }, spec.of '{"$base64":[]}')
  end)
end)
