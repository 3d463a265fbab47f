local check = require "kavach.check"

local SPEC = {
  memory_limit_mb = { type = "integer", min = 1, max = 1048576, default = 512 },
  cpu_limit = { type = "number", above = 0, max = 64, default = 2 },
  max_pids = { type = "integer", min = 1 },
  backend = { enum = { "auto", "kvm", "tcg" }, default = "auto" },
  network = { fields = { enabled = { type = "boolean", default = false } }, default = {} },
  mounts = { list = { fields = { source = { type = "string", required = true } } } },
  env = { map = "string" },
  command = { type = { "string", "table" } },
  even = { type = "integer", fn = function(n)
    if n % 2 == 0 then return n // 2 end
    return nil, "even"
  end },
}

--- Stands for a public function; its caller is the line in a spec.
local function sandbox(options)
  local checked = check.table(SPEC, options, "sandbox")
  return checked
end

local function refused(options)
  local ok, message = pcall(function() local x = sandbox(options) return x end)
  assert.is_false(ok)
  return message
end

describe("check.table", function()
  it("puts the defaults into a new table and leaves the given one alone", function()
    local given = { cpu_limit = 0.5 }
    local checked = sandbox(given)
    assert.same({ cpu_limit = 0.5 }, given)
    assert.same({ memory_limit_mb = 512, cpu_limit = 0.5, backend = "auto",
      network = { enabled = false } }, checked)
  end)

  it("takes nil for an empty table", function()
    assert.equal(512, sandbox(nil).memory_limit_mb)
  end)

  it("never hands out the default table itself", function()
    sandbox {}.network.enabled = true
    assert.is_false(sandbox {}.network.enabled)
    local spec = { env = { type = "table", default = { A = "1" } } }
    check.table(spec, {}, "f").env.A = "2"
    assert.equal("1", check.table(spec, {}, "f").env.A)
    assert.same({}, SPEC.network.default)
  end)

  it("names the nearest key for an unknown one, at the caller's line", function()
    assert.matches("check_spec.lua:%d+: sandbox: unknown option 'memroy_limit_mb' "
      .. "%(did you mean 'memory_limit_mb'%?%)$", refused { memroy_limit_mb = 1 })
    assert.matches("did you mean 'max_pids'", refused { maxpids = 1 })
    assert.matches("did you mean 'memory_limit_mb'", refused { memory = 1 })
  end)

  it("names none where none is near", function()
    assert.matches("unknown option 'zzz'$", refused { zzz = 1 })
    assert.matches("unknown option %[1%]$", refused { "x" })
  end)

  it("raises at the line that called, or further up", function()
    local function inner() check.table(SPEC, { zzz = 1 }, "x", 3) end
    local function outer() inner() return 1 end
    local line = debug.getinfo(1, "l").currentline + 1
    local _, message = pcall(function() outer() return 1 end)
    assert.matches(("check_spec.lua:%d:"):format(line), message)
    _, message = pcall(function() sandbox { zzz = 1 } return 1 end)
    assert.matches(("check_spec.lua:%d:"):format(line + 2), message)
  end)

  for name, case in pairs {
    ["a string for a number"] = { { memory_limit_mb = "512" },
      "sandbox: memory_limit_mb must be an integer, at least 1 and at most 1048576, got '512'" },
    ["zero"] = { { memory_limit_mb = 0 }, "got 0$" },
    ["a negative number"] = { { cpu_limit = -1 },
      "cpu_limit must be a number, above 0 and at most 64, got %-1" },
    ["zero where it must be above"] = { { cpu_limit = 0 }, "above 0" },
    ["a huge number"] = { { cpu_limit = 1e300 }, "at most 64" },
    ["a fraction for an integer"] = { { max_pids = 1.5 }, "an integer, at least 1, got 1.5" },
    ["NaN"] = { { cpu_limit = 0 / 0 }, "must be a number" },
    ["infinity"] = { { cpu_limit = math.huge }, "must be a number" },
    ["an enum's misspelt word"] = { { backend = "tgc" },
      "must be one of 'auto', 'kvm', 'tcg' %(did you mean 'tcg'%?%), got 'tgc'" },
    ["an unknown nested key"] = { { network = { enable = true } },
      "sandbox: network: unknown option 'enable' %(did you mean 'enabled'%?%)" },
    ["a wrong nested type"] = { { network = { enabled = 1 } },
      "sandbox: network.enabled must be a boolean, got 1" },
    ["a missing field in a list"] = { { mounts = { { source = "a" }, {} } },
      "sandbox: mounts%[2%].source is required" },
    ["a list with other keys"] = { { mounts = { x = {} } }, "must be a list without holes" },
    ["a list that is none"] = { { mounts = 7 }, "mounts must be a list, got 7" },
    ["a map's wrong value"] = { { env = { A = 1 } }, "sandbox: env.A must be a string, got 1" },
    ["a map's key that is no name"] = { { env = { "A=1" } }, "must have names as keys, got %[1%]" },
    ["none of several types"] = { { command = 1 }, "must be a string or a table, got 1" },
    ["what fn refuses"] = { { even = 3 }, "sandbox: even must be even" },
  } do
    it("refuses " .. name, function() assert.matches(case[2], refused(case[1])) end)
  end

  it("refuses options that are no table", function()
    assert.matches("sandbox must be a table, got 'x'", refused "x")
  end)

  it("keeps an integral float as the integer", function()
    assert.equal("integer", math.type(sandbox { max_pids = 4.0 }.max_pids))
  end)

  it("keeps what fn returns", function() assert.equal(2, sandbox { even = 4 }.even) end)

  it("keeps false", function()
    assert.is_false(check.table({ x = { type = "boolean", default = true } }, { x = false }, "f").x)
  end)

  it("reads with raw access", function()
    local sly = setmetatable({}, { __index = function() error "called" end,
      __pairs = function() error "called" end })
    assert.equal(512, sandbox(sly).memory_limit_mb)
  end)
end)

describe("check.test", function()
  it("returns nil and the message instead of raising", function()
    local value, message = check.test(SPEC, { backend = "x" }, "file")
    assert.is_nil(value)
    assert.matches("^file: backend must be one of", message)
  end)
end)

describe("check.nearest", function()
  local words = { "run", "start", "stop", "ps", "status", "policy" }

  it("finds a word with a letter more, less, other, or two swapped", function()
    assert.equal("run", check.nearest("rum", words))
    assert.equal("run", check.nearest("runn", words))
    assert.equal("start", check.nearest("satrt", words))
    assert.equal("policy", check.nearest("polcy", words))
    assert.equal("policy", check.nearest("POLICY", words))
  end)

  it("finds the only word that is begun", function()
    assert.equal("policy", check.nearest("pol", words))
    assert.is_nil(check.nearest("stxxx", words))
  end)

  it("finds nothing far away, in nothing, or for something absurd", function()
    assert.is_nil(check.nearest("xyzzy", words))
    assert.is_nil(check.nearest("", words))
    assert.is_nil(check.nearest(("x"):rep(1e6), words))
    assert.is_nil(check.nearest("run", {}))
    assert.is_nil(check.nearest(7, words))
  end)
end)
