--- A machine whose power is lost while a batch runs, at every moment that makes a difference.

local batches = require "support.batches"
local host = require "support.host"
local journal = require "kavach.batch.journal"
local json = require "kavach.json"
local lfs = require "lfs"
local power = require "support.power"
local program = require "support.program"

-- Each tells when it has run, elsewhere than on that disk; some have outputs that are files.
local SCRIPT <const> = [[
  local batch = require("kavach").batch { name = "power", jobs = 2, sandbox = false }
  for i, lines in ipairs { 10, 20000, 30, 20001, 50 } do
    batch:job { id = "job" .. i, command = "echo >>$HOME/ran-$KAVACH_JOB; seq " .. lines }
  end
  return batch
]]
local LINES <const> = { job1 = 10, job2 = 20000, job3 = 30, job4 = 20001, job5 = 50 }

local function output_of(lines)
  local list = {}
  for i = 1, lines do list[i] = i .. "\n" end
  return table.concat(list)
end

describe("a batch on a machine that loses its power", function()
  local refusal = power.refusal()
  local here
  before_each(function()
    here = batches.place()
    here:write("script.lua", SCRIPT)
  end)
  after_each(function() here.remove() end)

  local function clear_runs()
    for id in pairs(LINES) do os.remove(here.folder .. "/ran-" .. id) end
  end

  -- Which jobs it said were done, in what it has said until now.
  local function told(text)
    local ids = {}
    for line in text:gmatch "([^\n]*)\n" do
      local event = json.decode(line)
      if event.event == "ended" and event.state == "done" then ids[#ids + 1] = event.job end
    end
    return ids
  end

  -- Goes on with what the disk has: what was said to be done is, and is not done again.
  local function go_on(ids, what)
    clear_runs()
    local there = lfs.attributes(here:path "power.db") ~= nil
    if there then
      local reader, why = journal.reader(here:path "power.db")
      assert.is_true(reader ~= nil or why.empty, what .. tostring(why))
      there = reader ~= nil
      if reader then reader:close() end
    end
    assert.is_true(there or #ids == 0, what .. "the journal is gone")
    local words = there and { "resume", "power", "--quiet" } or { "script.lua", "--quiet" }
    local code, out, errors = here:run(table.unpack(words))
    assert.equal(0, code, what .. out .. errors)
    for _, id in ipairs(ids) do
      assert.is_nil(here:read("ran-" .. id), what .. id .. " was done, and ran again")
    end
    local jobs, reader <close> = here:jobs "power", here:reader "power"
    for id, lines in pairs(LINES) do
      assert.equal("done", jobs[id].state, what .. id)
      local kept = reader:output(jobs[id].seq, nil, "stdout")
      local text = kept.path and host.slurp(kept.path) or kept.text
      assert.is_true(text == output_of(lines), what .. "the output of " .. id)
    end
  end

  local function record(...)
    local words = { program.absolute, "batch", "script.lua", "--json", ... }
    local code, steps = power.record(words, { env = here.env, cwd = here.folder }, here.state)
    assert.equal(0, code)
    assert.is_true(#steps > 0)
    return steps
  end

  -- Goes on from every moment of what was done, and says how many that were.
  local function walk(disk, steps)
    local said, moments, random = "", 0, 0
    -- A sequence of its own, the same each time (Knuth's LCG for MMIX, its upper bits).
    local function chance()
      random = random * 6364136223846793005 + 1442695040888963407
      return random >> 62 > 1
    end
    local ids = {}
    local function moment(what, i, step, with)
      what = ("%s step %d (%s %s), %d told: "):format(what, i, step[1], step.path or "", #ids)
      disk:restore(with)
      go_on(ids, what)
      moments = moments + 1
    end
    for i, step in ipairs(steps) do
      local kind, count = step[1], #ids
      if kind == "sync" then moment("some of what comes before", i, step, chance) end
      if kind == "said" then said = said .. step.text else disk:apply(step) end
      ids = told(said)
      -- A write is seen by the next that waits for the disk.
      if kind == "sync" or #ids > count then moment("what is certain behind", i, step) end
      if kind == "remove" or kind == "move" then moment("some, behind", i, step, chance) end
    end
    assert.equal(5, #ids)
    return moments
  end

  it("goes on, with nothing lost that it had said was done", function()
    if refusal then return pending("nothing can be traced here: " .. refusal) end
    local disk = power.disk(here.state)
    local moments = walk(disk, record())
    assert.is_true(moments > 40, moments)
  end)

  it("has the one before, or the one that it was replaced with, and nothing of both", function()
    if refusal then return pending("nothing can be traced here: " .. refusal) end
    local disk, steps = power.disk(here.state), record()
    -- The one before was cut off at its very end, and has a log.
    for _, step in ipairs(steps) do
      if step[1] == "remove" and step.path:find "wal$" then break end
      if step[1] ~= "said" then disk:apply(step) end
    end
    disk:restore(function() return true end)
    assert.is_true(lfs.attributes(here:path "power.db-wal", "size") > 0)
    disk = power.disk(here.state)
    walk(disk, record "--replace")
  end)
end)
