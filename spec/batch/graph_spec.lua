local graph = require "kavach.batch.graph"

local function jobs(needs)
  local list = {}
  for id, needed in next, needs do list[#list + 1] = { id = id, needs = needed } end
  table.sort(list, function(a, b) return a.id < b.id end)
  return list
end

local function refused(list)
  local ok, message = graph.check(list)
  assert.is_nil(ok)
  return message
end

describe("the needs of jobs", function()
  it("may be in any order, shared and many", function()
    assert.is_true(graph.check(jobs { a = { "b", "c" }, b = { "c" }, c = {}, d = { "a", "b" } }))
  end)

  it("that are a circle are refused with the way round", function()
    assert.equal("the jobs' needs are a circle: 'a' needs 'b' needs 'c' needs 'a'",
      refused(jobs { a = { "b" }, b = { "c" }, c = { "a" } }))
    assert.equal("the jobs' needs are a circle: 'a' needs 'a'", refused(jobs { a = { "a" } }))
  end)

  it("show the circle alone, not the way that leads to it", function()
    assert.equal("the jobs' needs are a circle: 'c' needs 'd' needs 'c'",
      refused(jobs { a = { "b" }, b = { "c" }, c = { "d" }, d = { "c" } }))
  end)

  it("that are not there are refused by name, with who needs them", function()
    assert.equal("job 'a' needs 'nosuch', which there is not", refused(jobs { a = { "nosuch" } }))
  end)

  it("may have hostile names, and long ones", function()
    local message = refused(jobs { ["a\27[2J\n"] = { ("x"):rep(10000) } })
    assert.equal("job 'a\\x1b[2J\\x0a' needs '" .. ("x"):rep(60) .. "…', which there is not",
      message)
  end)

  it("may be a chain of a hundred thousand", function()
    local list = {}
    for i = 1, 100000 do list[i] = { id = tostring(i), needs = { tostring(i + 1) } } end
    list[100001] = { id = "100001" }
    assert.is_true(graph.check(list))
    list[100001].needs = { "1" }
    assert.matches("^the jobs' needs are a circle: '1' needs '2' ", refused(list))
  end)
end)

describe("a job that needs others", function()
  local function nothing() return nil end

  it("waits for each once, though it names one twice", function()
    local made, job = graph.new(), { id = "c", needs = { "a", "a", "b" } }
    assert.equal("waiting", made:enter(job, nothing))
    assert.equal(1, made.count)
    assert.same({ {}, {} }, { made:settle("a", "done") })
    assert.same({ { job }, {} }, { made:settle("b", "done") })
    assert.equal(0, made.count)
  end)

  it("never runs if one of them has not succeeded", function()
    local made, job = graph.new(), { id = "c", needs = { "a", "b" } }
    made:enter(job, nothing)
    assert.same({ {}, { job } }, { made:settle("a", "skipped") })
    assert.same({ {}, {} }, { made:settle("b", "done") })
    assert.equal(0, made.count)
    assert.same({ "broken", "a" },
      { made:enter(job, function(id) return id == "a" and "failed" or nil end) })
  end)

  it("can be taken out", function()
    local made, job = graph.new(), { id = "b", needs = { "a" } }
    made:enter(job, nothing)
    assert.is_true(made:remove(job))
    assert.is_false(made:remove(job))
    assert.same({ {}, {} }, { made:settle("a", "done") })
  end)
end)
