--- The helper program that runs policies, and what stands between it and the host.

local core = require "kavach.core"
local host = require "support.host"
local json = require "kavach.json"
local lfs = require "lfs"
local policy = require "kavach.attest.policy"
local program = require "support.program"
local process = require "kavach.process"
local rules = require "kavach.rules"
local task = require "kavach.task"

local PROGRAM <const> = core.helper_dir() .. "/policy-worker"
local SIGSTOP <const>, SIGKILL <const> = 19, 9

local function load_request(text)
  return rules.encode {
    op = "load", files = { { name = "p.lua", text = text } }, data = json.array(),
    steps = 1000000, memory = 16 << 20,
  }
end

local POLICY <const> = 'policy "p"\nrule "x" (function(e) return e.now == 1 end)\n'

describe("a policy's worker", function()
  local function start()
    return assert(process.start({ PROGRAM }, { stdin = "pipe", stdout = "pipe" }))
  end

  -- The reply to a request, or nil if it is gone.
  local function ask(worker, request)
    worker:write(("<s4"):pack(request))
    local bytes = ""
    while #bytes < 4 or #bytes < 4 + ("<I4"):unpack(bytes) do
      local more = worker:read()
      if not more then return nil end
      bytes = bytes .. more
    end
    return assert(rules.decode(bytes:sub(5)))
  end

  it("answers a load, and evaluations", function()
    local worker <close> = start()
    assert.equal("p", ask(worker, load_request(POLICY)).policy.name)
    for x = 0, 2 do
      local reply = ask(worker, rules.encode { op = "evaluate", items = { { now = x } } })
      assert.equal(x == 1 and "p" or "f", reply.results[1].rules)
    end
  end)

  it("ends when its host closes the pipe", function()
    local worker <close> = start()
    worker.stdin:close()
    assert.equal(0, worker:wait().exit_code)
  end)

  it("ends at half a message", function()
    local worker <close> = start()
    worker:write "\100\0\0\0half"
    worker.stdin:close()
    assert.equal(1, worker:wait().exit_code)
  end)

  it("answers what is no request with an error", function()
    local worker <close> = start()
    for _, request in ipairs {
      "", "x", "\255\255", rules.encode { op = "none" }, rules.encode { op = 5 },
      rules.encode { op = "load" }, rules.encode { op = "evaluate" }, rules.encode "load",
      rules.encode { op = "evaluate", items = { 1 } },
    } do
      local reply = ask(worker, request)
      assert.equal("invalid_argument", reply.kind)
    end
    assert.equal("p", ask(worker, load_request(POLICY)).policy.name)
  end)

  it("has two descriptors, no new privileges, and a filter of system calls #cell", function()
    local worker <close> = start()
    assert(ask(worker, load_request(POLICY)))
    local pid = worker:pid()
    local status = host.slurp(("/proc/%d/status"):format(pid))
    assert.equal("2", status:match "\nSeccomp:%s*(%d)")
    assert.equal("1", status:match "\nNoNewPrivs:%s*(%d)")
    local listed = {}
    for name in lfs.dir(("/proc/%d/fd"):format(pid)) do
      if name:find "^%d" then listed[#listed + 1] = name end
    end
    table.sort(listed)
    assert.same({ "0", "1" }, listed)
    local limits = host.slurp(("/proc/%d/limits"):format(pid))
    for name, value in pairs {
      ["Max address space"] = "1073741824", ["Max cpu time"] = "10", ["Max core file size"] = "0",
      ["Max file size"] = "0",
    } do
      assert.equal(value, limits:match(name .. "%s+(%d+)"))
    end
  end)
end)

describe("a policy whose worker", function()
  local folder, remove, path

  setup(function()
    folder, remove = host.folder()
    path = folder .. "/p.lua"
    local file <close> = assert(io.open(path, "wb"))
    file:write(POLICY)
  end)

  teardown(function() remove() end)

  local GOOD <const> = { { now = 1 } }

  -- A policy, and the process that has loaded it.
  local function loaded()
    local made = assert(policy.load(path))
    local worker = made.script.runner.free[1].process
    return made, worker
  end

  -- Stops it, and waits until it has stopped.
  local function stop(worker)
    local pid = worker:pid()
    worker:kill(SIGSTOP)
    assert.is_true(host.eventually(function()
      return host.slurp(("/proc/%d/status"):format(pid)):find "State:%s*T"
    end))
  end

  it("hangs has its evaluation denied within a second, and goes on with another", function()
    local made <close>, worker = loaded()
    stop(worker)
    local begun = core.now()
    local result = made.script:evaluate(GOOD)[1]
    assert.equal("not done within 500 ms: it was killed", result.failed)
    assert.is_true(core.now() - begun < 1000)
    assert.equal("p", made.script:evaluate(GOOD)[1].rules)
  end)

  it("is killed has its evaluation denied, and goes on with another", function()
    local made <close>, worker = loaded()
    worker:kill(SIGKILL)
    worker:wait()
    assert.equal("the policy's process was ended by signal 9",
      made.script:evaluate(GOOD)[1].failed)
    assert.equal("p", made.script:evaluate(GOOD)[1].rules)
  end)

  it("answers with what is no answer has its evaluation denied at once", function()
    local begun = core.now()
    for _, said in ipairs {
      "junk", rules.encode(true), rules.encode(5), rules.encode { results = "x" },
      rules.encode { results = { 5 } }, rules.encode { results = { { rules = 1, reasons = {} } } },
      rules.encode { results = { { rules = "p", reasons = { {} } } } },
      rules.encode { results = { { rules = "f", reasons = { { 1, { 2 } } } } } },
      rules.encode { error = { 1 } },
    } do
      local made <close>, worker = loaded()
      worker:close()
      local octal = ("<s4"):pack(said):gsub(".", function(c) return ("\\%03o"):format(c:byte()) end)
      made.script.runner.free[1].process = assert(process.start({
        "/bin/sh", "-c", "printf '" .. octal .. "'; exec /bin/sleep 1000",
      }, { stdin = "pipe", stdout = "pipe" }))
      assert.is_string(made.script:evaluate(GOOD)[1].failed)
    end
    assert.is_true(core.now() - begun < 5000)
  end)

  it("dies in the middle of a batch loses none of it that can be had from another", function()
    local made <close>, worker = loaded()
    worker:kill(SIGKILL)
    worker:wait()
    for _, result in ipairs(made.script:evaluate { { now = 1 }, { now = 2 }, { now = 1 } }) do
      assert.is_nil(result.failed)
    end
  end)

  it("has taken much time gets a new one before the system ends it", function()
    local made <close>, worker = loaded()
    made.script.runner.free[1].spent = 5 * 1000000000
    assert.equal("p", made.script:evaluate(GOOD)[1].rules)
    assert.equal(0, #made.script.runner.free)
    assert.equal("p", made.script:evaluate(GOOD)[1].rules)
    assert.not_equal(worker, made.script.runner.free[1].process)
  end)

  it("is one of several gives the bytes that the others give", function()
    local seeds = folder .. "/seeds.lua"
    local file <close> = assert(io.open(seeds, "wb"))
    file:write [[
      policy "seeds"
      rule "tables that are rehashed" (function()
        local t = {}
        for i = 1, 100 do t["k" .. i] = true end
        for i = 101, 5000 do
          local k = "k" .. i
          t[k] = {}
          t["k" .. i - 90] = nil
        end
        return true
      end)]]
    file:flush()
    local seen = {}
    for _ = 1, 8 do
      local made <close> = assert(policy.load(seeds))
      local result = made.script:evaluate(GOOD)[1]
      assert.equal("p", result.rules)
      seen[result.steps .. " " .. result.space] = true
    end
    local first = next(seen)
    assert.is_nil(next(seen, first))
  end)

  it("is asked by many tasks at once is one of two", function()
    local made <close> = loaded()
    local letters = task.map({ 1, 2, 3, 4, 5, 6 }, {}, function(x)
      return made.script:evaluate({ { now = x } })[1].rules
    end)
    assert.same({ "p", "f", "f", "f", "f", "f" }, letters)
    assert.is_true(made.script.runner.count <= 2)
  end)

  it("is waited for by a task that is cancelled is not used again", function()
    local made <close>, worker = loaded()
    stop(worker)
    task.scope(function()
      local waiting = task.spawn(function() made.script:evaluate(GOOD) end)
      task.sleep(20)
      waiting:cancel()
    end)
    assert.equal("p", made.script:evaluate(GOOD)[1].rules)
  end)

  it("is waited for in a queue is not lost by a task of the queue that is cancelled", function()
    local made <close> = loaded()
    local runner, letters = made.script.runner, {}
    task.scope(function()
      local first, second = assert(runner:take()), assert(runner:take())
      local tasks = {}
      for i = 1, 3 do
        tasks[i] = task.spawn(function() letters[i] = made.script:evaluate(GOOD)[1].rules end)
      end
      task.yield()
      tasks[1]:cancel()
      task.yield()
      runner:give_back(first)
      task.all { tasks[2], tasks[3] }
      runner:give_back(second)
    end)
    assert.same({ nil, "p", "p" }, letters)
  end)

  it("is to be sent a text with a long run of spaces is sent it soon", function()
    local long = folder .. "/spaces.lua"
    local file <close> = assert(io.open(long, "wb"))
    file:write(POLICY, "-- include", (" "):rep(500000))
    file:flush()
    local begun = core.now()
    local made <close> = assert(policy.load(long)) -- luacheck: ignore 211
    assert.is_true(core.now() - begun < 5000)
  end)

  it("is closed starts again when it is needed", function()
    local made = loaded()
    made:close()
    assert.equal(0, made.script.runner.count)
    assert.equal("p", made.script:evaluate(GOOD)[1].rules)
    made:close()
  end)

  it("cannot be started does not load, and says so", function()
    local script = ([[
      package.loaded["kavach.core"] = setmetatable({ helper_dir = function() return "/none" end },
        { __index = require "kavach.core" })
      local made, why = require("kavach").policy.load(%q)
      print(made, why.kind, why)
    ]]):format(path)
    local code, out = program.run("-e", script)
    assert.equal(0, code)
    assert.is_truthy(out:find "nil\tio\tthe helper program for policies: /none/policy%-worker")
  end)
end)
