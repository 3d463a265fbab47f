local base64 = require "kavach.sandbox.base64"
local json = require "kavach.json"
local quote = require "kavach.sandbox.quote"
local result = require "kavach.sandbox.result"

local function made(exit, fields)
  fields.stdout, fields.stderr = fields.stdout or "", fields.stderr or ""
  fields.stdout_truncated, fields.stderr_truncated = false, false
  fields.duration_ms, fields.backend = 5, "tcg"
  return result.new(exit, fields)
end

describe("A result", function()
  local exited = { exit_code = 3, oom_killed = false, cpu_ms = 2, max_rss_kb = 700 }

  it("has the command's own exit code", function()
    local r = made(exited, {})
    assert.equal(3, r.exit_code)
    assert.is_nil(r.signal)
    assert.equal(2, r.cpu_ms)
    assert.is_false(r.confidential)
  end)

  it("has 128 and the signal that ended it", function()
    local r = made({ exit_code = 137, signal = 9, oom_killed = true, cpu_ms = 0, max_rss_kb = 0 },
      {})
    assert.same({ 137, 9, true }, { r.exit_code, r.signal, r.oom_killed })
  end)

  it("has -1 when the time was up, however the command then ended", function()
    assert.equal(-1, made(exited, { timed_out = true }).exit_code)
    assert.equal(-1, made(nil, { timed_out = true }).exit_code)
  end)

  it("has every field of the schema in its JSON form", function()
    local document = json.decode(assert(json.encode(result.document(made(exited, {})))))
    for _, field in ipairs {
      "version", "exit_code", "signal", "timed_out", "oom_killed", "stdout", "stderr",
      "stdout_encoding", "stderr_encoding", "stdout_truncated", "stderr_truncated", "duration_ms",
      "boot_ms", "cpu_ms", "max_rss_kb", "backend", "confidential",
    } do
      assert.is_not_nil(document[field], field)
      document[field] = nil
    end
    assert.same({}, document)
  end)

  it("is base64 in JSON where it is not UTF-8, each stream for itself", function()
    local document = result.document(made(exited, { stdout = "\255\0x", stderr = "é\0" }))
    assert.same({ "/wB4", "base64" }, { document.stdout, document.stdout_encoding })
    assert.same({ "é\0", "utf-8" }, { document.stderr, document.stderr_encoding })
    assert.is_string(json.encode(document))
  end)
end)

describe("base64", function()
  it("gives what RFC 4648 has as its test vectors", function()
    local vectors = {
      [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==", fooba = "Zm9vYmE=",
      foobar = "Zm9vYmFy",
    }
    for plain, coded in pairs(vectors) do assert.equal(coded, base64.encode(plain)) end
  end)
end)

describe("A quoted word", function()
  it("is read back by the shell as what it was", function()
    local words = { "", "plain", "a b", "it's", '"$HOME" `id` \\', "new\nline", "*?[x]", "é\255" }
    local shell = io.popen("printf '%s\\0' " .. quote.words(words))
    local back = {}
    for word in shell:read "a":gmatch "([^%z]*)%z" do back[#back + 1] = word end
    shell:close()
    assert.same(words, back)
  end)
end)
