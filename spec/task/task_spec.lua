local kavach = require "kavach"
local err = require "kavach.err"
local task = require "kavach.task"

--- Whether `fn` needs less than `limit_ms`.
local function took(fn)
  local from = kavach.now()
  fn()
  return kavach.now() - from
end

describe("a task", function()
  it("gives its results to who awaits it, as often as asked", function()
    kavach.scope(function()
      local t = kavach.spawn(function(...) return ... end, 1, nil, 3)
      assert.same(table.pack(1, nil, 3), table.pack(t:await()))
      assert.same(table.pack(1, nil, 3), table.pack(t:await()))
      assert.equal("ended", t:status())
    end)
  end)

  it("starts when its spawner waits, and runs beside it", function()
    local order = {}
    kavach.run(function()
      local t = kavach.spawn(function() order[#order + 1] = "task" end)
      order[#order + 1] = "spawner"
      t:await()
    end)
    assert.same({ "spawner", "task" }, order)
  end)

  it("raises its error where it is awaited, as the same value", function()
    local value = { "an error" }
    local ok, e = pcall(kavach.run, function() error(value) end)
    assert.is_false(ok)
    assert.equal(value, e)
  end)

  it("sees errors with pcall, and goes on", function()
    assert.equal("after", kavach.run(function()
      local ok, e = pcall(function()
        kavach.sleep(0)
        error("x", 0)
      end)
      assert.is_false(ok)
      assert.equal("x", e)
      kavach.sleep(0)
      return "after"
    end))
  end)

  it("that is not done in time goes on after await has given up", function()
    kavach.scope(function()
      local set = task.event()
      local t = kavach.spawn(function() return set:wait() end)
      local result, e = t:await(0.5)
      assert.is_nil(result)
      assert.is_true(err.is(e, "timeout"))
      set:set "late"
      assert.equal("late", t:await(10000))
    end)
  end)

  it("refuses a time that is none", function()
    kavach.scope(function()
      local t = kavach.spawn(function() end)
      for _, ms in ipairs { -1, 0 / 0, "5", {} } do
        assert.error_matches(function() t:await(ms) end, "await: milliseconds")
        assert.error_matches(function() kavach.sleep(ms) end, "sleep: milliseconds")
      end
    end)
  end)

  it("may sleep for no time, and lets the others run", function()
    local order = {}
    kavach.scope(function()
      for name in ("ab"):gmatch "." do
        kavach.spawn(function()
          for i = 1, 2 do
            order[#order + 1] = name .. i
            kavach.sleep(0)
          end
        end)
      end
    end)
    assert.same({ "a1", "b1", "a2", "b2" }, order)
  end)

  it("may yield by itself, which lets the others run", function()
    assert.equal(3, kavach.run(function()
      for _ = 1, 10 do coroutine.yield() end
      return 3
    end))
  end)

  it("does not keep the clock from another that is always ready", function()
    local result, e = kavach.deadline(50, function()
      while true do kavach.spawn(function() end):await() end
    end)
    assert.is_nil(result)
    assert.is_true(err.is(e, "timeout"))
  end)

  it("costs no memory once it is done", function()
    kavach.run(function()
      local function spawn_many(count)
        for _ = 1, count do kavach.spawn(kavach.sleep, 0):await() end
      end
      local function used()
        collectgarbage()
        collectgarbage()
        return collectgarbage "count"
      end
      spawn_many(1000)
      local before = used()
      spawn_many(20000)
      assert.is_true(used() - before < 64, "grew by " .. used() - before .. " KiB")
    end)
  end)

  it("costs no memory where a wait for it ran out of time", function()
    kavach.scope(function()
      local set = task.event()
      local t = kavach.spawn(function() set:wait() end)
      local function used()
        collectgarbage()
        collectgarbage()
        return collectgarbage "count"
      end
      for _ = 1, 100 do t:await(0) set:wait(0) end
      local before = used()
      for _ = 1, 3000 do t:await(0) set:wait(0) end
      assert.is_true(used() - before < 64, "grew by " .. used() - before .. " KiB")
      set:set()
    end)
  end)

  it("is cheap enough for ten thousand at once", function()
    local sum = 0
    kavach.scope(function()
      for i = 1, 10000 do
        kavach.spawn(function()
          kavach.sleep(i % 7)
          sum = sum + 1
        end)
      end
    end)
    assert.equal(10000, sum)
  end)
end)

describe("a scope", function()
  it("does not end before its tasks", function()
    local done = false
    kavach.scope(function()
      kavach.spawn(function()
        kavach.spawn(function()
          kavach.sleep(10)
          done = true
        end)
      end)
    end)
    assert.is_true(done)
  end)

  it("fails with the first error of a task, and cancels the others", function()
    local fates = {}
    local ok, e = pcall(kavach.scope, function()
      kavach.spawn(function()
        local ok, why = pcall(kavach.sleep, 60000)
        fates[1] = not ok and err.is(why, "cancelled")
        error(why, 0)
      end)
      kavach.spawn(function() error("boom", 0) end)
      local ok, why = pcall(kavach.sleep, 60000)
      fates[2] = not ok and err.is(why, "cancelled")
    end)
    assert.is_false(ok)
    assert.equal("boom", e)
    assert.same({ true, true }, fates)
  end)

  it("raises again at each later wait once one of its tasks has failed", function()
    local refused = 0
    pcall(kavach.scope, function()
      kavach.spawn(function() error "boom" end)
      for _ = 1, 3 do
        if not pcall(kavach.sleep, 60000) then refused = refused + 1 end
      end
    end)
    assert.equal(3, refused)
  end)

  it("cancels its tasks when its body fails", function()
    local fate
    assert.error_matches(function()
      kavach.scope(function()
        local started = task.event()
        kavach.spawn(function()
          started:set()
          local _, why = pcall(kavach.sleep, 60000)
          fate = why
        end)
        started:wait()
        error "body"
      end)
    end, "body")
    assert.is_true(err.is(fate, "cancelled"))
  end)

  it("knows where an error came from after other tasks have failed meanwhile", function()
    local function culprit() error "first" end
    local ok, e = pcall(kavach.scope, function()
      kavach.spawn(function()
        local _ <close> = setmetatable({}, { __close = function()
          task.shield(pcall, kavach.scope, function() error "second" end)
        end })
        kavach.sleep(60000)
      end)
      kavach.sleep(0)
      culprit()
    end)
    assert.is_false(ok)
    assert.matches("first", e)
    assert.matches("culprit", task.traceback_of(e))
  end)

  it("gives the results of its body", function()
    assert.same({ 1, 2 }, { kavach.scope(function() return 1, 2 end) })
  end)

  it("finds out that nothing can happen any more, and is usable after", function()
    for _ = 1, 2 do
      assert.error_matches(function()
        kavach.scope(function()
          local never = task.event()
          kavach.spawn(function() never:wait() end)
        end)
      end, "^deadlock: everything waits")
      assert.error_matches(function()
        kavach.run(function() task.event():wait() end)
      end, "^deadlock: everything waits")
    end
    assert.equal(1, kavach.run(function() kavach.sleep(1) return 1 end))
  end)

  it("lets a task find out that it waits for itself", function()
    assert.error_matches(function()
      kavach.scope(function()
        local t
        t = kavach.spawn(function() return t:await() end)
      end)
    end, "deadlock")
  end)
end)

describe("cancelling", function()
  it("reaches what the task waits for", function()
    local e
    local ms = took(function()
      kavach.scope(function()
        local t = kavach.spawn(kavach.sleep, 60000)
        kavach.sleep(0)
        assert.is_true(t:cancel "enough")
        local _
        _, e = t:await()
        assert.equal("cancelled", t:status())
      end)
    end)
    assert.is_true(err.is(e, "cancelled"))
    assert.equal("enough", e.message)
    assert.is_true(ms < 10000)
  end)

  it("raises at every later wait, too", function()
    local raised = 0
    kavach.scope(function()
      local t = kavach.spawn(function()
        for _ = 1, 3 do
          if not pcall(kavach.sleep, 60000) then raised = raised + 1 end
        end
        return "went on"
      end)
      kavach.sleep(0)
      t:cancel()
      assert.equal("went on", t:await())
    end)
    assert.equal(3, raised)
  end)

  it("before the start means that nothing of it runs", function()
    local ran = false
    kavach.scope(function()
      local t = kavach.spawn(function() ran = true end)
      t:cancel()
      local _, e = t:await()
      assert.is_true(err.is(e, "cancelled"))
    end)
    assert.is_false(ran)
  end)

  it("does nothing to a task that has ended", function()
    kavach.scope(function()
      local t = kavach.spawn(function() return 1 end)
      t:await()
      assert.is_false(t:cancel())
      assert.equal(1, t:await())
    end)
  end)

  it("runs the <close> handlers, which may wait where they are shielded", function()
    local closed
    kavach.scope(function()
      local t = kavach.spawn(function()
        local _ <close> = setmetatable({}, { __close = function()
          assert.is_false(pcall(kavach.sleep, 0))
          task.shield(kavach.sleep, 5)
          closed = true
        end })
        kavach.sleep(60000)
      end)
      kavach.sleep(0)
      t:cancel()
    end)
    assert.is_true(closed)
  end)

  it("reaches the tasks of the task", function()
    local fate
    kavach.scope(function()
      local t = kavach.spawn(function()
        kavach.spawn(function()
          local _, e = pcall(kavach.sleep, 60000)
          fate = e
        end)
      end)
      kavach.sleep(1)
      t:cancel()
    end)
    assert.is_true(err.is(fate, "cancelled"))
  end)

  it("is raised by what waits for tasks of its own, and not taken for their end", function()
    local went_on, fate = false, nil
    kavach.scope(function()
      local t = kavach.spawn(function()
        local ok
        ok, fate = pcall(kavach.map, { 1, 2 }, nil, function() kavach.sleep(60000) end)
        went_on = ok
      end)
      kavach.sleep(1)
      t:cancel()
    end)
    assert.is_false(went_on)
    assert.is_true(err.is(fate, "cancelled"))
  end)

  it("ends a command that the task waits for", function()
    local marker = require("support.host").marker()
    kavach.scope(function()
      local t = kavach.spawn(kavach.process.exec, { "sleep", marker })
      require("support.host").eventually(function()
        return #require("support.host").processes(marker) == 1
      end)
      t:cancel()
    end)
    assert.is_true(require("support.host").gone(marker))
  end)
end)

describe("a deadline", function()
  it("passes the results on when there is time", function()
    assert.same({ 1, 2 }, { kavach.deadline(60000, function() return 1, 2 end) })
  end)

  it("is an error of kind timeout when it passes", function()
    local result, e = kavach.deadline(5, kavach.sleep, 60000)
    assert.is_nil(result)
    assert.is_true(err.is(e, "timeout"))
  end)

  it("around another one ends both when it is the shorter", function()
    local inner
    local result, e = kavach.deadline(5, function()
      inner = table.pack(kavach.deadline(60000, kavach.sleep, 60000))
    end)
    assert.is_nil(result)
    assert.is_true(err.is(e, "timeout"))
    assert.is_nil(inner)
  end)

  it("inside another one ends alone when it is the shorter", function()
    assert.equal("went on", kavach.deadline(60000, function()
      local _, e = kavach.deadline(5, kavach.sleep, 60000)
      assert.is_true(err.is(e, "timeout"))
      return "went on"
    end))
  end)

  it("passes errors on", function()
    assert.error_matches(function()
      kavach.deadline(60000, function() error "boom" end)
    end, "boom")
  end)
end)

describe("all and race", function()
  it("give the results in the order of the tasks", function()
    assert.same({ "a", "b" }, kavach.run(function()
      local slow = kavach.spawn(function() kavach.sleep(10) return "a" end)
      return kavach.all { slow, kavach.spawn(function() return "b" end) }
    end))
  end)

  it("give the first result and cancel the others", function()
    local loser
    assert.equal("fast", kavach.run(function()
      loser = kavach.spawn(kavach.sleep, 60000)
      return kavach.race { loser, kavach.spawn(function() return "fast" end) }
    end))
    assert.equal("cancelled", loser:status())
  end)

  it("know of a task that has ended before", function()
    assert.equal("done", kavach.run(function()
      local first = kavach.spawn(function() return "done" end)
      first:await()
      return kavach.race { kavach.spawn(kavach.sleep, 60000), first }
    end))
  end)

  it("refuse an empty race", function()
    assert.error_matches(function() kavach.race {} end, "race: the list of tasks is empty")
  end)
end)

describe("map", function()
  it("keeps the order, whatever is done first", function()
    local results = kavach.map({ 30, 1, 10 }, {}, function(ms, i)
      kavach.sleep(ms)
      return i .. ":" .. ms
    end)
    assert.same({ "1:30", "2:1", "3:10" }, results)
  end)

  it("runs no more at once than it is told, and that many", function()
    local now, most = 0, 0
    kavach.map({ 1, 2, 3, 4, 5, 6, 7, 8 }, { concurrency = 3 }, function()
      now = now + 1
      most = math.max(most, now)
      kavach.sleep(2)
      now = now - 1
    end)
    assert.equal(3, most)
  end)

  it("takes an iterator, which may wait", function()
    local n = 0
    local results = kavach.map(function()
      kavach.sleep(0)
      n = n + 1
      return n <= 5 and n or nil
    end, { concurrency = 2 }, function(x) return x * x end)
    table.sort(results)
    assert.same({ 1, 4, 9, 16, 25 }, results)
  end)

  it("stops at the first error and raises it", function()
    local begun = 0
    assert.error_matches(function()
      kavach.map({ 1, 2, 3, 4, 5, 6 }, { concurrency = 2 }, function(i)
        begun = begun + 1
        if i == 2 then error "boom" end
        kavach.sleep(60000)
      end)
    end, "boom")
    assert.equal(2, begun)
  end)

  it("of nothing is nothing", function()
    assert.same({}, kavach.map({}, nil, function() end))
    assert.same({}, kavach.map(function() end, nil, function() end))
  end)

  it("refuses what cannot be", function()
    assert.error_matches(function() kavach.map("x", {}, print) end, "map: the first argument")
    assert.error_matches(function() kavach.map({}, {}, 5) end, "map: a function is needed")
    for _, limit in ipairs { 0, -1, 1.5, "x" } do
      assert.error_matches(function() kavach.map({ 1 }, { concurrency = limit }, print) end,
        "map: concurrency must be")
      assert.error_matches(function()
        kavach.map(function() end, { concurrency = limit }, print)
      end, "map: concurrency must be")
    end
    assert.error_matches(function() kavach.map({}, { concurency = 1 }, print) end, "concurrency")
  end)
end)

describe("an operation where Lua cannot yield", function()
  local function waits() kavach.sleep(1) return "waited" end

  --- `fn` in a task, beside another one that must go on meanwhile.
  local function beside(fn)
    return kavach.run(function()
      local other = kavach.spawn(waits)
      local result = fn()
      assert.equal("waited", other:await())
      return result
    end)
  end

  it("waits in a callback of gsub", function()
    assert.equal("waitedwaited", beside(function() return (("xx"):gsub("x", waits)) end))
  end)

  it("waits in a callback of sort", function()
    local list = { 3, 1, 2 }
    beside(function()
      table.sort(list, function(a, b) waits() return a < b end)
    end)
    assert.same({ 1, 2, 3 }, list)
  end)

  it("waits in __tostring", function()
    assert.equal("waited", beside(function()
      return tostring(setmetatable({}, { __tostring = waits }))
    end))
  end)

  it("waits in a module while it is required", function()
    package.preload["spec.waits"] = waits
    assert.equal("waited", beside(function() return (require "spec.waits") end))
    package.preload["spec.waits"], package.loaded["spec.waits"] = nil, nil
  end)

  it("waits in a coroutine of the script's own, whose yields stay its own", function()
    assert.same({ 1, 2, 3 }, beside(function()
      local seen = {}
      for i in coroutine.wrap(function()
        for i = 1, 3 do
          waits()
          coroutine.yield(i)
        end
      end) do seen[#seen + 1] = i end
      return seen
    end))
  end)

  it("waits for a task that was spawned together with its own", function()
    assert.equal("B", kavach.run(function()
      local b
      local a = kavach.spawn(function()
        return (("x"):gsub("x", function() return b:await() end))
      end)
      b = kavach.spawn(function() return "B" end)
      return a:await()
    end))
  end)

  it("is cancelled like any other", function()
    kavach.scope(function()
      local fate
      local t = kavach.spawn(function()
        ("x"):gsub("x", function()
          local _, e = pcall(kavach.sleep, 60000)
          fate = e
        end)
      end)
      kavach.spawn(function() t:cancel() end)
      t:await()
      assert.is_true(err.is(fate, "cancelled"))
    end)
  end)

  it("runs a whole command, in hundreds of tasks at once", function()
    local done = 0
    kavach.scope(function()
      for i = 1, 300 do
        kavach.spawn(function()
          ("x"):gsub("x", function()
            if i % 50 == 0 then assert(kavach.process.exec { "sleep", "0.01" }) end
            kavach.sleep(10)
            done = done + 1
          end)
        end)
      end
    end)
    assert.equal(300, done)
  end)
end)

describe("a task in the background", function()
  local scheduler = require "kavach.task.scheduler"

  it("goes on when the scope that it was started in has ended", function()
    local ended = task.event()
    kavach.scope(function()
      scheduler.background(function()
        kavach.sleep(20)
        ended:set("done")
      end)
    end)
    assert.is_false(ended:is_set())
    assert.equal("done", ended:wait(5000))
  end)

  it("fails alone", function()
    local other = scheduler.background(function() kavach.sleep(10) return "fine" end)
    local failing = scheduler.background(function() error("it failed", 0) end)
    assert.equal("fine", other:await())
    assert.has_error(function() failing:await() end, "it failed")
  end)

  it("is not waited for at the end of a script", function()
    local code, out = require("support.host").script [[
      require("kavach.task.scheduler").background(function()
        require("kavach").sleep(60000)
      end)
      print "the end"
    ]]
    assert.same({ 0, "the end\n" }, { code, out })
  end)
end)
