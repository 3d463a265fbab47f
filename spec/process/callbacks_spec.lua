local kavach = require "kavach"
local host = require "support.host"
local process = kavach.process

-- What a script prints, as functions get it: the result, and the pieces of both streams.
local function sh(script, options)
  local out, errors = {}, {}
  options = options or {}
  options.on_stdout = function(bytes) out[#out + 1] = bytes end
  options.on_stderr = function(bytes) errors[#errors + 1] = bytes end
  return assert(process.exec({ "sh", "-c", script }, options)), out, errors
end

describe("a function that gets a command's output", function()
  it("gets it in place of the result, each stream its own", function()
    local r, out, errors = sh "echo out; echo err >&2; exit 3"
    assert.same({ "out\n" }, out)
    assert.same({ "err\n" }, errors)
    assert.same({ 3, "", "", false, false },
      { r.exit_code, r.stdout, r.stderr, r.stdout_truncated, r.stderr_truncated })
  end)

  it("is not called for a command that prints nothing", function()
    local r, out, errors = sh ":"
    assert.same({ {}, {} }, { out, errors })
    assert.equal(0, r.exit_code)
  end)

  it("may be that of one stream, while the other is kept", function()
    local out = {}
    local r = assert(process.exec({ "sh", "-c", "echo out; echo err >&2" },
      { on_stdout = function(bytes) out[#out + 1] = bytes end }))
    assert.same({ "out\n" }, out)
    assert.same({ "", "err\n" }, { r.stdout, r.stderr })
  end)

  it("gets all of a flood, in order, whatever max_output is", function()
    local r, out, errors = sh("seq 200000; seq 1000 >&2", { max_output = 10 })
    local numbers = {}
    for i = 1, 200000 do numbers[i] = i end
    assert.is_true(table.concat(numbers, "\n") .. "\n" == table.concat(out))
    assert.equal(3893, #table.concat(errors))
    assert.is_false(r.stdout_truncated)
    assert.is_false(r.stderr_truncated)
  end)

  it("gets it while the command runs", function()
    local folder <const>, remove = host.folder()
    local seen
    local r = assert(process.exec({ "sh", "-c",
      "echo ready; until [ -e file ]; do sleep 0.01; done; echo seen" }, {
      cwd = folder, timeout_ms = 20000,
      on_stdout = function(bytes)
        if bytes == "ready\n" then host.write(folder .. "/file", "") else seen = bytes end
      end,
    }))
    remove()
    assert.same({ 0, "seen\n" }, { r.exit_code, seen })
  end)

  it("gets what was printed before the time was up", function()
    local r, out = sh("echo before; sleep 60", { timeout_ms = 500 })
    assert.same({ "before\n" }, out)
    assert.is_true(r.timed_out)
  end)

  it("may raise: exec does then, when the process is gone", function()
    for _, script in ipairs { "echo x; exec sleep %s", "echo x >&2; trap '' TERM; sleep %s" } do
      local marker = host.marker()
      local function fail() error({ "of the caller" }) end
      local ok, why = pcall(process.exec, { "sh", "-c", script:format(marker) },
        { on_stdout = fail, on_stderr = fail })
      assert.is_false(ok)
      assert.same({ "of the caller" }, why)
      assert.is_true(host.gone(marker)) -- its own children have been killed, too
    end
  end)

  it("may raise though the command ended at once", function()
    local ok, why = pcall(process.exec, { "echo", "x" },
      { on_stdout = function() error("of the caller", 0) end })
    assert.same({ false, "of the caller" }, { ok, why })
    assert.equal("y\n", assert(process.exec { "echo", "y" }).stdout)
  end)

  it("is refused where there is nothing to get, or if it is none", function()
    local function exec(options) return function() process.exec({ "true" }, options) end end
    local function nothing() end
    assert.error_matches(exec { on_stdout = nothing, stdout = "null" },
      "on_stdout gets nothing where stdout is 'null'")
    assert.error_matches(exec { on_stderr = nothing, stderr = "stdout" },
      "on_stderr gets nothing where stderr is 'stdout'")
    assert.error_matches(exec { on_stdout = "x" }, "on_stdout must be")
  end)
end)

describe("a command whose task is cancelled", function()
  it("is gone when its task is", function()
    local marker = host.marker()
    local running = false
    local task = kavach.spawn(process.exec,
      { "sh", "-c", "trap '' TERM; echo x; sleep " .. marker },
      { on_stdout = function() running = true end })
    assert.is_true(host.eventually(function() return running end))
    task:cancel()
    local _, why = task:await()
    assert.equal("cancelled", why.kind)
    assert.same({}, host.processes("sleep " .. marker))
  end)
end)
