--- Rules evaluated for evidence that was parsed and verified: in a worker that is warm, in this
--- process, and the same functions in plain Lua without containment; with and without 10 000 rows
--- of data. Loading such data, beside lua-cjson; and what the start of a worker costs.

local cjson = require "cjson"
local core = require "kavach.core"
local decisions = require "kavach.attest.decision"
local evidence = require "evidence"
local policy = require "kavach.attest.policy"
local rules = require "kavach.rules"
local snp = require "kavach.snp"
local support = require "support"
local task = require "kavach.task"
local trust = require "kavach.attest.trust"
local verify = require "kavach.attest.verify"
local view = require "kavach.attest.script.view"

local FOLDER <const> = debug.getinfo(1, "S").source:match "^@(.*)/[^/]*$" .. "/policies/"
local WORKER <const> = core.helper_dir() .. "/policy-worker"
local ROWS <const>, COUNT <const>, BATCH <const>, SAMPLES <const> = 10000, 2000, 32, 9

-- ---- what is judged ----------------------------------------------------------------------------

-- A case of kavach.attest.decision, and how its decision is made anew.
local function make_case(folder)
  local given = evidence.make(folder)
  local about = verify.about(policy.strict(), {
    trust = assert(trust.new { roots = { given.root } }), now = given.now,
  }, "bench")
  local source = assert(require("kavach.attest.evidence").of {
    report = given.report, certificates = given.certificates,
  })
  local input = verify.input(source, about)
  local function verified() return assert(about.trust.verifier:verify(input)) end
  local begun = decisions.begin(about.policy, source, verified(), about)
  begun.view = view.of(begun.case)
  return begun, function() return decisions.make(about.policy, source, verified(), about) end,
    verified
end

-- A file of JSON with measurements as keys, one of them `last`.
local function write_rows(path, last)
  local rows = {}
  for i = 1, ROWS - 1 do
    local digest = snp.hex(snp.digest("sha384", tostring(i)))
    rows[i] = ('"%s": {"version": "1.%d"}'):format(digest, i)
  end
  rows[ROWS] = ('"%s": {"version": "2"}'):format(last)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write("{", table.concat(rows, ",\n"), "}"))
end

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

-- ---- the peer: the rules as they stand, in this state ------------------------------------------

-- A function that evaluates all rules of a file for plain tables; true if they allow.
local function plain(name, data)
  local list, environment = {}, setmetatable({ data = data }, { __index = _G })
  local function run(file)
    assert(loadfile(FOLDER .. file .. ".lua", "t", environment))()
  end
  environment.policy, environment.include = function() end, run
  function environment.rule(text)
    return function(fn) list[#list + 1] = { text = text, fn = fn } end
  end
  run(name)
  return function(e)
    local results, allow = {}, true
    for i = 1, #list do
      local ran, passed, why = pcall(list[i].fn, e)
      results[i] = { text = list[i].text, passed = ran and passed == true, why = why }
      allow = allow and results[i].passed
    end
    return allow, results
  end
end

-- ---- measuring ---------------------------------------------------------------------------------

-- Microseconds by the clock that one of `step`'s takes, which does `each` of them: the median of
-- many, since what else the machine does is none of theirs.
local function time(step, each)
  return function()
    local values = {}
    for i = 1, math.max(COUNT // each, SAMPLES) do
      local begun = core.hrtime()
      step()
      values[i] = (core.hrtime() - begun) / 1000 / each
    end
    return support.median(values)
  end
end

local function allowed(results)
  for _, result in ipairs(results) do
    assert(result.rules and not result.rules:find "[^p-]", result.failed or result.rules)
  end
end

local function several(item)
  local list = {}
  for i = 1, BATCH do list[i] = item end
  return list
end

-- The figures of one policy: one at a time, in batches by two workers, and in this process.
local function evaluation(runs, name, what, most, given)
  local path, options = FOLDER .. name .. ".lua", { data = given.files }
  local warm <close> = assert(policy.load(path, options))
  options.isolate = false
  local here <close> = assert(policy.load(path, options))
  local peer, one, many = plain(name, given.data), { given.view }, several(given.view)
  assert(peer(given.plain))
  allowed(warm.script:evaluate(many))
  local function single(loaded)
    return time(function() allowed(loaded.script:evaluate(one)) end, 1)
  end
  local beside = time(function() peer(given.plain) end, 1)
  local isolated, bare = support.interleave(runs, single(warm), beside)
  local inside = support.interleave(runs, single(here), beside)
  local batches = support.interleave(runs, time(function()
    allowed(warm.script:evaluate(many))
  end, BATCH), beside)
  local eight = { 1, 2, 3, 4, 5, 6, 7, 8 }
  local two = support.interleave(runs, time(function()
    task.map(eight, {}, function() allowed(warm.script:evaluate(many)) end)
  end, #eight * BATCH), beside)
  for i, value in ipairs(two) do two[i] = 1e6 / value end
  local parts = { { what = "the same rules in plain Lua", unit = "us", values = bare } }
  return {
    { what = "a decision, " .. what .. ": warm worker, one at a time", unit = "us",
      version = _VERSION, ours = isolated, at_most = most, parts = parts },
    { what = "a decision, " .. what .. ": warm worker, 32 at a time", unit = "us",
      version = _VERSION, ours = batches, at_most = most, parts = parts },
    { what = "decisions, " .. what .. ": two workers, 32 at a time", unit = "/s",
      version = _VERSION, ours = two, at_least = 25000 },
    { what = "a decision, " .. what .. ": isolate = false", unit = "us", version = _VERSION,
      ours = inside, at_most = 25, parts = parts },
  }
end

local function loading(runs, files)
  local text = read(files.released)
  local function load(isolate)
    return time(function()
      assert(policy.load(FOLDER .. "strict_data.lua", { data = files, isolate = isolate })):close()
    end, COUNT)
  end
  local function decode() return time(function() cjson.decode(text) end, COUNT) end
  local ours, theirs = support.interleave(runs, load(true), decode())
  local here = support.interleave(runs, load(false), decode())
  for _, list in ipairs { ours, theirs, here } do -- microseconds of one in COUNT
    for i, value in ipairs(list) do list[i] = value * COUNT / 1000 end
  end
  return { what = "load a policy with 10 000 rows, its worker's start included",
    peer = "cjson.decode of the file", unit = "ms", version = "lua-cjson " .. cjson._VERSION,
    ours = ours, theirs = theirs, at_most = 3,
    parts = { { what = "with isolate = false", unit = "ms", values = here } } }
end

local function starting(runs)
  local function start(argv)
    return function()
      local values = {}
      for i = 1, SAMPLES do values[i] = support.time(argv) end
      return support.median(values)
    end
  end
  local ours, theirs = support.interleave(runs, start { WORKER }, start { "true" })
  local beyond = {}
  for i = 1, runs do beyond[i] = ours[i] - theirs[i] end
  return { what = "a worker's start and end, beyond that of true", unit = "ms", at_most = 1,
    version = support.version_of("true", "--version"), ours = beyond, parts = {
      { what = "the worker", unit = "ms", values = ours },
      { what = "true", unit = "ms", values = theirs },
    } }
end

-- What the checks of a decision cost beside its rules: those of requirements, made in this process.
local function whole(runs, make, verified)
  local ours, theirs = support.interleave(runs, time(make, 1), time(verified, 1))
  local checks = {}
  for i = 1, runs do checks[i] = ours[i] - theirs[i] end
  return { what = "all checks of policy.strict(), without rules, after verification", unit = "us",
    version = _VERSION, ours = checks }
end

return function(runs)
  local folder <close> = support.folder()
  local begun, make, verified = make_case(folder.path)
  local files = { released = folder.path .. "/released.json" }
  write_rows(files.released, snp.hex(begun.case.report.measurement))
  local given = {
    view = begun.view, files = files, data = { released = cjson.decode(read(files.released)) },
    plain = rules.decode(view.encode({ begun.view }, 1, 1)).items[1],
  }
  local lines = evaluation(runs, "strict", "strict as rules", 40,
    { view = given.view, plain = given.plain, files = {}, data = {} })
  for _, line in ipairs(evaluation(runs, "strict_data", "with 10 000 rows", 100, given)) do
    lines[#lines + 1] = line
  end
  lines[#lines + 1] = loading(runs, files)
  lines[#lines + 1] = starting(runs)
  lines[#lines + 1] = whole(runs, make, verified)
  return lines
end
