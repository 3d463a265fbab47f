local job = require "kavach.batch.job"
local options = require "kavach.batch.options"

local function read(fields, defaults)
  local spec = { id = "x", command = "true" }
  for key, value in pairs(fields) do spec[key] = value end
  return job.read(spec, defaults and assert(options.check(defaults)))
end

local function refused(fields, defaults)
  local got, message = read(fields, defaults)
  assert.is_nil(got)
  return message
end

describe("a job", function()
  it("has the defaults where it says nothing", function()
    assert.same({
      id = "x", command = "true", sandbox = {}, reuse = false, timeout_ms = 0, grace_ms = 2000,
      max_output = 64 << 20, retries = 0, retry_delay_ms = 1000, retry_max_ms = 60000,
      priority = 0, tag = "",
    }, read {})
  end)

  it("has what its batch says, and its own words win", function()
    local batch = { retries = 3, tag = "t", timeout_ms = 5, env = { A = "1", B = "2" },
      cwd = "/a", sandbox = { memory_limit_mb = 128, cpu_limit = 1 }, reuse = true }
    local got = read({ retries = 0, env = { B = "3" }, sandbox = { cpu_limit = 2 }, reuse = false },
      batch)
    assert.same({ 0, "t", 5, { A = "1", B = "3" }, "/a", false }, { got.retries, got.tag,
      got.timeout_ms, got.env, got.cwd, got.reuse })
    assert.same({ memory_limit_mb = 128, cpu_limit = 2 }, got.sandbox)
    got = read({}, batch)
    assert.same({ batch.env, batch.sandbox }, { got.env, got.sandbox })
  end)

  it("runs without a sandbox if it says so, and with one if its batch does not", function()
    local one <const> = { cpu_limit = 1 }
    local plain = read({ sandbox = false }, { sandbox = one, reuse = true })
    assert.same({ false, false }, { plain.sandbox, plain.reuse })
    assert.same(one, read({ sandbox = one }, { sandbox = false }).sandbox)
    assert.is_false(read({}, { sandbox = false }).sandbox)
  end)

  it("needs an id and a command", function()
    assert.same({ nil, "job: id is required" }, { job.read { command = "x" } })
    assert.same({ nil, "job 'x': command is required" }, { job.read { id = "x" } })
    assert.same({ nil, "a job must be a table, got a string" }, { job.read "x" })
  end)

  it("has an id of any bytes but NUL, up to 65536", function()
    for _, id in ipairs { "\xff", "a/b\n..", "\1", ("x"):rep(65536), ("x"):rep(5000) } do
      assert.equal(id, read({ id = id }).id)
    end
    assert.matches("id must be a text, not an empty one", refused { id = "" }, 1, true)
    assert.matches("id must be a text without a NUL", refused { id = "a\0" }, 1, true)
    assert.matches("of at most 65536 bytes", refused { id = ("x"):rep(65537) }, 1, true)
    assert.equal("job: id must be a string, got 3", refused { id = 3 })
  end)

  it("keeps a copy of its argv", function()
    local argv = { "echo", "", "a" }
    local got = read { command = argv }
    argv[2] = "changed"
    assert.same({ "echo", "", "a" }, got.command)
    for _, wrong in ipairs { {}, { "" }, { "a", 1 }, { "a", nil, "b" }, { "a\0" }, { x = "a" } } do
      assert.matches("^job 'x': command must be ", refused { command = wrong })
    end
  end)

  it("names the field that is wrong, and the nearest to one that it has not", function()
    for field, wrong in pairs {
      retries = { "1", -1, 1.5, 0 / 0 }, timeout_ms = { "8s", -1 }, tag = { 1, "a\0" },
      stdin = { 1, {} }, cwd = { "", "a\0", 1 }, priority = { "high" }, reuse = { "yes" },
      retry_if = { "always" }, user = { 0 }, sandbox = { true, "basic" }, needs = { 1, { 1 } },
      env = { { "a" }, { A = 1 }, { ["A=B"] = "x" }, { [""] = "x" }, { A = "\0" } },
      put = { 1, { "" }, { 1 }, { { source = "a", target = "b" } }, { { target = "/b" } } },
      get = { 1, { "/a" }, { "a/../../b" }, { { pattern = "a", target = "../b" } } },
    } do
      for _, value in ipairs(wrong) do
        assert.matches("^job 'x': " .. field .. "[%.%[ ]", refused { [field] = value })
      end
    end
    assert.equal("job 'x': unknown field 'retires' (did you mean 'retries'?)",
      refused { retires = 1 })
    assert.equal("job 'x': unknown field [1]", refused { "true" })
    assert.equal("job 'x': sandbox: unknown option 'memory_limit' (did you mean "
      .. "'memory_limit_mb'?)", refused { sandbox = { memory_limit = 1 } })
    assert.matches("job 'x': sandbox.memory_limit_mb must be an integer",
      refused { sandbox = { memory_limit_mb = "1" } }, 1, true)
    assert.matches("^job 'x': unknown policy: lax", refused { sandbox = { policy = "lax" } })
  end)

  it("says the same of several mistakes, whatever their order", function()
    for _ = 1, 5 do
      assert.matches("priority", refused { tag = 1, priority = "x", retries = "y" }, 1, true)
    end
  end)

  it("takes whole numbers that are floats", function()
    assert.equal("integer", math.type(read({ retries = 2.0 }).retries))
  end)

  it("puts a path of the host to its place below /in", function()
    for source, target in pairs {
      ["a/b"] = "/in/a/b", ["/a/b"] = "/in/a/b", ["././a/././b/"] = "/in/a/b", ["a//b"] = "/in/a/b",
      ["."] = "/in", ["..a"] = "/in/..a",
    } do
      assert.same({ { source = source, target = target } }, read({ put = source }).put)
    end
    assert.same({ { source = "../a", target = "/b" } },
      read({ put = { { source = "../a", target = "/b" } } }).put)
    local one <const> = { source = "a", target = "/b" }
    assert.same({ one }, read({ put = one }).put)
    assert.matches("'../a' has '..' in it", refused { put = { "../a" } }, 1, true)
    assert.matches("one has 'to'", refused { put = { { source = "a", to = "b" } } }, 1, true)
  end)

  it("gets what patterns name, and needs what it is told", function()
    local got = read { get = { "out/*.png", { pattern = "x", target = "y/z" } }, needs = "a" }
    assert.same({ { pattern = "out/*.png" }, { pattern = "x", target = "y/z" } }, got.get)
    assert.same({ "a" }, got.needs)
    got = read { get = {}, put = {}, needs = {} }
    assert.same({}, { got.get, got.put, got.needs })
  end)

  it("is refused what only a guest has, by name", function()
    for field, value in pairs { put = "a", get = "a", user = "root", reuse = true } do
      local message = refused { [field] = value, sandbox = false }
      assert.matches(("^job 'x': %s .*sandbox = false has none$"):format(field), message)
    end
    assert.matches("^job 'x': user ", refused({ sandbox = false }, { user = "root" }))
    assert.is_false(read({ sandbox = false, put = {} }).sandbox)
  end)
end)

describe("the options of a batch", function()
  it("are checked by name", function()
    local checked = assert(options.check { name = "x", jobs = 4, retries = 1, cpus = 1.5 })
    assert.same({ 4, 1, 1.5, 60000 }, { checked.jobs, checked.retries, checked.cpus,
      checked.retry_max_ms })
    for key, value in pairs { jobs = 0, cpus = 0, load = "1", memory_mb = 0, rate = "fast",
      halt = "soon", results = "", retires = 1, put = "a" } do
      local _, message = options.check { [key] = value }
      assert.matches("^batch: .*" .. key, message)
    end
    assert.matches("did you mean 'retries'?", select(2, options.check { retires = 1 }), 1, true)
  end)

  it("have a sandbox that can be", function()
    for _, sandbox in ipairs { { memry = 1 }, { cpu_limit = "x" }, { policy = "lax" },
      { name = "one" }, { mounts = { { source = "/nowhere at all", target = "/a" } } } } do
      assert.matches("^batch: ", select(2, options.check { sandbox = sandbox }))
    end
    local sandbox = { memory_limit_mb = 128 }
    assert.same(sandbox, options.check({ sandbox = sandbox }).sandbox)
    for key, value in pairs { user = "root", reuse = true } do
      assert.matches("sandbox = false has none",
        select(2, options.check { sandbox = false, [key] = value }), 1, true)
    end
  end)

  it("say when to halt", function()
    for text, halt in pairs {
      ["soon,fail=1"] = { when = "soon", what = "fail", count = 1 },
      ["now,fail=10%"] = { when = "now", what = "fail", percent = 10 },
      ["now,success=3"] = { when = "now", what = "success", count = 3 },
      ["soon,done=100%"] = { when = "soon", what = "done", percent = 100 },
    } do
      assert.same(halt, options.check({ halt = text }).halt)
      assert.same(halt, options.check({ halt = halt }).halt)
    end
    assert.is_nil(options.check({ halt = "never" }).halt)
    for _, wrong in ipairs { "soon,fail=0", "later,fail=1", "soon,fail=101%", "soon,fall=1", 1,
      "soon,fail", {}, { when = "soon", what = "fail", count = 1, percent = 1 } } do
      local _, message = options.check { halt = wrong }
      assert.matches("^batch: halt must be 'soon' or 'now'", message)
    end
  end)

  it("say how many may start in a time", function()
    for text, rate in pairs {
      ["10/s"] = { count = 10, per_ms = 1000 }, ["100/m"] = { count = 100, per_ms = 60000 },
      ["3600/h"] = { count = 3600, per_ms = 3600000 }, ["5"] = { count = 5, per_ms = 1000 },
      ["0.5/s"] = { count = 1, per_ms = 2000 }, [3] = { count = 3, per_ms = 1000 },
      [0.1] = { count = 1, per_ms = 10000 },
    } do
      assert.same(rate, options.check({ rate = text }).rate)
    end
    for _, wrong in ipairs { "0/s", "-1/s", "1/y", "x", 0, -1, 0 / 0, math.huge, "1/", {} } do
      assert.matches("^batch: rate must be how many", select(2, options.check { rate = wrong }))
    end
  end)
end)
