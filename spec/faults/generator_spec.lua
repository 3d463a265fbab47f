--- A script that fails while it makes its jobs.

local batches = require "support.batches"
local json = require "kavach.json"

local SCRIPT <const> = [[
local batch = require("kavach").batch { name = "made", jobs = 2, sandbox = false }
local number = 0
return batch:generate(function()
  number = number + 1
  if number > 6 then return nil end
  if number == 4 then
    -- The first ones run.
    while not io.open "ran" do require("kavach").sleep(1) end
    %s
  end
  return { id = "job" .. number, command = "echo $KAVACH_JOB >>ran; sleep 0.05; echo end" }
end)
]]

describe("a script that makes its jobs by and by", function()
  local here
  before_each(function() here = batches.place() end)
  after_each(function()
    assert.is_true(here:gone())
    here.remove()
  end)

  local function write(line) here:write("script.lua", SCRIPT:format(line)) end

  local function ran()
    local list = {}
    for id in (here:read "ran" or ""):gmatch "%w+" do list[#list + 1] = id end
    table.sort(list)
    return list
  end

  for what, case in pairs {
    ["and raises"] = { "local none = nil; none.field = 1",
      "script%.lua:9: attempt to index a nil value %(local 'none'%)" },
    ["and raises no text"] = { "error {}", "the generator of jobs failed" },
    ["and gives no job"] = { "return { id = 'job4', command = 'true', comand = 'true' }",
      "job 'job4': [^\n]*'comand'[^\n]*'command'" },
    ["and gives what is no table"] = { "return 7", "a job must be a table, got a number" },
    ["and gives an id twice"] = { "return { id = 'job2', command = 'true' }",
      "the id 'job2' is there twice" },
  } do
    it(what .. " half way ends its batch when what runs has, and it can be mended", function()
      write(case[1])
      local code, out, errors = here:run("script.lua", "--json")
      assert.equal(1, code, errors)
      assert.matches("kavach: batch[ %l]*: [^\n]*" .. case[2], errors)
      assert.matches("kavach batch resume made\n$", errors)
      assert.is_nil(errors:find "stack traceback")
      local states = {}
      for line in out:gmatch "[^\n]+" do
        local event = json.decode(line)
        if event.event == "ended" then states[event.job] = event.state end
      end
      -- Those that had begun, and no others.
      local begun = ran()
      local count = 0
      for _, state in pairs(states) do
        assert.equal("done", state)
        count = count + 1
      end
      assert.equal(#begun, count)
      assert.is_true(count > 0)
      assert.equal("error", here:status("made").state)

      write ""
      local function resume(...)
        local exit, _, said = here:run("resume", "made", "--quiet", ...)
        return exit, said
      end
      code, errors = resume()
      assert.equal(1, code)
      assert.matches("/script%.lua is not what it was when batch 'made' began; "
        .. "%-%-changed goes on all the same\n$", errors)
      assert.same(begun, ran())
      code, errors = resume "--changed"
      assert.equal(0, code, errors)
      assert.same({ "job1", "job2", "job3", "job4", "job5", "job6" }, ran())
      -- It is the script's now.
      code, errors = resume()
      assert.equal(0, code, errors)
      assert.equal(6, #ran())
    end)
  end

  it("and raises before it has a batch makes none", function()
    here:write("script.lua", "local x\nx.y = 1\n")
    local code, out, errors = here:run("script.lua", "--json", "--name", "none")
    assert.equal(1, code)
    assert.matches("script%.lua:2: attempt to index a nil value", errors)
    assert.equal(1, (here:run("status", "none")))
    assert.equal("", (out:gsub('^{"error":[^\n]*\n$', "")))
  end)
end)
