-- kavach.batch as Lua programs meet it: in the program of this build, and in stock Lua.

local batch = require "support.batch_program"
local host = require "support.host"

-- Runs a script with each interpreter: what it prints.
local function each(text, fn)
  batch.write("script.lua", text)
  fn "RUN=1 $K script.lua"
  if #host.interpreters() > 1 then fn "RUN=2 lua5.4 script.lua" end
end

local function prints(expected, text)
  each(text, function(line) assert.equal(expected, (batch.ok(line))) end)
end

describe("kavach.batch", function()
  setup(batch.setup)
  teardown(batch.teardown)

  it("runs its jobs, tells what happens, and can say how they stand", function()
    prints([[
1 one	2 two	3 last
begin started started started ended:one ended:two ended:last finished
failed	2	done=2 failed=1
done=2 failed=1 total=3
]], [[
      local kavach = require "kavach"
      local batch = kavach.batch { name = "api" .. os.getenv "RUN", sandbox = false, jobs = 1 }
      assert(batch:job { id = "one", command = "true" } == "one")
      batch:job { id = "two", command = { "true" }, tag = "x" }
      local ids = batch:ids()
      batch:job { id = "last", command = "exit 3", needs = ids }
      local names = {}
      for i, id in ipairs(batch:ids()) do names[i] = i .. " " .. id end
      print(table.concat(names, "\t"))
      local events = {}
      local summary = assert(batch:run { observe = function(e)
        assert(math.type(e.time_ns) == "integer")
        events[#events + 1] = e.event == "ended" and "ended:" .. e.job or e.event
      end })
      table.sort(events, function(a, b)
        local order = { begin = 0, started = 1, finished = 9 }
        local x, y = order[a] or 2, order[b] or 2
        return x < y
      end)
      print(table.concat({ events[1], events[2], events[3], events[4] }, " ") .. " "
        .. "ended:one ended:two ended:last " .. events[8])
      print(summary.ending, summary.exit_code, ("done=%d failed=%d"):format(summary.counts.done,
        summary.counts.failed))
      local status = assert(batch:status())
      print(("done=%d failed=%d total=%d"):format(status.done, status.failed, status.total))]])
  end)

  it("is resumed: what is done is not run again, what failed if that is asked for", function()
    prints("1 1 0\n1 1 0\n2 0 0\n", [[
      local kavach = require "kavach"
      local name = "again" .. os.getenv "RUN"
      local function new()
        local batch = kavach.batch { name = name, sandbox = false }
        batch:job { id = "a", command = "echo x >>a-" .. name .. "; test $(wc -l <a-" .. name
          .. ") = 1" }
        batch:job { id = "b", command = "test -e b-" .. name }
        return batch
      end
      local function show(summary)
        print(summary.counts.done, summary.counts.failed, summary.counts.waiting)
      end
      local write = print
      function print(...) write(table.concat({ ... }, " ")) end
      show(assert(new():run()))
      local none, why = new():run()
      assert(not none and tostring(why):find("there is a batch '" .. name .. "' already", 1, true))
      show(assert(new():resume()))
      io.open("b-" .. name, "w"):close()
      show(assert(new():resume { failed = true }))]])
  end)

  it("takes jobs from a function, and says why that failed", function()
    prints("3	0	3\n2	1	error	the generator of jobs failed: script.lua:9: no more\n", [[
      local kavach = require "kavach"
      local name = "gen" .. os.getenv "RUN"
      local batch = kavach.batch { name = name, sandbox = false }
      local function generator(most, fails)
        local i = 0
        return function()
          i = i + 1
          if i > most and fails then
            error "no more" end
          return i <= most and { id = "job " .. i, command = "true" } or nil
        end
      end
      local summary = assert(batch:generate(generator(3)):run())
      print(summary.counts.done, summary.exit_code, summary.counts.total)
      local other = kavach.batch { name = name .. "f", sandbox = false }
      summary = assert(other:generate(generator(2, true)):run())
      print(summary.counts.done + summary.counts.waiting, summary.exit_code, summary.ending,
        tostring(summary.failure))]])
  end)

  it("raises misuse where it is made", function()
    each([[
      local kavach = require "kavach"
      local batch = kavach.batch { name = "misuse", sandbox = false }
      batch:job { id = "a", command = "true" }
      local function none() end
      for i, fn in ipairs {
        function() kavach.batch { jobs = 0 } end,
        function() kavach.batch(3) end,
        function() batch:job { id = "a", command = "true" } end,
        function() batch:job { id = "", command = "true" } end,
        function() batch:job { id = "b", command = {} } end,
        function() batch:job { id = "b", command = "true", put = "x" } end,
        function() batch:job { id = "b", command = "true", needs = { [2] = "a" } } end,
        function() batch:job "b" end,
        function() batch:generate(none) end,
        function() batch:generate(3) end,
        function() kavach.batch { retries = -1 } end,
        function() kavach.batch { sandbox = { memory_limit = 3 } } end,
      } do
        local fine, message = pcall(fn)
        local line = tostring(5 + i)
        assert(not fine, line)
        assert(tostring(message):find("script.lua:" .. line .. ": ", 1, true), message)
      end
      -- What is only known when it is run is returned.
      for name, expected in pairs {
        ["a/b"] = "is no name for a batch", status = "but a command",
      } do
        local b = kavach.batch { name = name, sandbox = false }
        b:job { id = "a", command = "true" }
        local none, why = b:run()
        assert(none == nil and why.kind == "invalid_argument")
        assert(tostring(why):find(expected, 1, true), tostring(why))
      end
      local none, why = kavach.batch { sandbox = false }:run()
      assert(none == nil and tostring(why):find("name", 1, true), tostring(why))
      none, why = kavach.batch { name = "nosuch", sandbox = false }:resume()
      assert(none == nil and tostring(why):find("there is no batch 'nosuch'", 1, true))
      none, why = kavach.batch { name = "nosuch", sandbox = false }:status()
      assert(none == nil and why.kind)
    ]], function(line) assert.equal("", (batch.ok(line))) end)
  end)

  it("tells an observer who fails, and does not leave jobs behind", function()
    local marker = host.marker()
    each(([[
      local kavach = require "kavach"
      local batch = kavach.batch { name = "observer" .. os.getenv "RUN", sandbox = false }
      batch:job { id = "a", command = "sleep %s" }
      local fine, message = pcall(batch.run, batch, { observe = function(e)
        if e.event == "started" then error "not with me" end
      end })
      print(fine, (tostring(message):match "not with me"))]]):format(marker), function(line)
      assert.equal("false\tnot with me\n", (batch.ok(line)))
      assert.is_true(host.gone(marker))
    end)
  end)
end)
