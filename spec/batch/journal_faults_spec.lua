--- What may happen to a journal: its process is killed, its disk is full, it is damaged.

local core = require "kavach.core"
local err = require "kavach.err"
local host = require "support.host"
local journal = require "kavach.batch.journal"
local journals = require "support.journals"
local kavach = require "kavach"
local program = require "support.program"

local all, await = journals.all, journals.await


-- Adds jobs, and says which of them are durable, until there is no space; then removes a file, and
-- goes on.
local FILL <const> = [[
  local journal = require "kavach.batch.journal"
  local task = require "kavach.task"
  local j = assert(journal.open(arg[1]))
  assert(j:begin_run { pid = 1, start = "1", boot_id = "b", jobs = 1 })
  local number, failed = 0, 0
  local function add()
    number = number + 1
    local id = "job" .. number
    local ok, why = task.wait(function(done)
      j:add({ { id = id, spec = ('"%s"'):format(("x"):rep(3000)) } }, done)
    end)
    if ok then print(id) end
    return ok, why
  end
  local ok, why
  repeat ok, why = add() until not ok
  print("failed", why.kind, why.full, why.message:match "full" or why.message:match "too large")
  local again = select(2, add())
  print("again", again.kind, again.full, again.message == why.message, j:trouble().full)
  print("flush", (j:flush()))
  if arg[2] then
    os.remove(arg[2])
    print("space", (add()), j:trouble().full)
    print("retry", (j:retry()))
    print("trouble", j:trouble())
    for _ = 1, 5 do assert(add()) end
    print("ended", (task.wait(function(done) j:end_run("done", done) end)))
  end
  j:close()
]]

-- Runs jobs, several at a time, and says which of them are committed.
local RUN <const> = [[
  local journal = require "kavach.batch.journal"
  local task = require "kavach.task"
  local j = assert(journal.open(arg[1]))
  local epoch = assert(j:begin_run { pid = 1, start = "1", boot_id = "b", jobs = 8 })
  local last = 0
  local function next_one()
    last = last + 1
    local job = { id = ("%d.%d"):format(epoch, last) }
    j:add({ job }, function(ok)
      assert(ok)
      j:claim({ { seq = job.seq, number = 1 } }, function()
        j:started(job.seq, 1, { pid = 5 })
        j:finish(job.seq, 1, { state = "done", stdout = { bytes = #job.id, text = job.id } },
          function()
            io.stdout:write(job.id, "\n")
            io.stdout:flush()
            next_one()
          end)
      end)
    end)
  end
  for _ = 1, 8 do next_one() end
  task.wait(function() end)
]]

describe("a journal", function()
  local place, script
  before_each(function()
    place = journals.place()
    script = place.folder .. "/script.lua"
  end)
  after_each(function() place.remove() end)

  local function known_jobs(path)
    local found = {}
    local r <close> = assert(journal.reader(path))
    for job in r:jobs { spec = false } do found[job.id] = job end
    return found
  end

  -- What was acknowledged of jobs, and all other lines.
  local function told(out)
    local ids, rest = {}, {}
    for line in out:gmatch "[^\n]+" do
      if line:find "^job" then ids[#ids + 1] = line else rest[#rest + 1] = line end
    end
    return ids, rest
  end

  -- ---- it ends ----------------------------------------------------------------------------------

  it("is none yet if the power was lost while it was made, whatever its file has", function()
    host.write(place.path, ("\0"):rep(4096))
    -- SQLite's rollback journal of a file that was empty: no pages to put back, and no size
    -- (https://www.sqlite.org/fileformat2.html, 3).
    host.write(place.path .. "-journal", "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
      .. string.pack(">I4I4I4I4I4", 0, 0x12345678, 0, 512, 4096) .. ("\0"):rep(484))
    local none, why = journal.reader(place.path)
    assert.same({ nil, true }, { none, why.empty }, why.message)
    local made <close> = assert(journal.create(place.path, journals.ABOUT))
    assert.equal("spec", made.about.name)
  end)

  it("has all that was acknowledged after its process was killed, and nothing half", function()
    journals.begun(place.path):close()
    host.write(script, RUN)
    local acknowledged = {}
    for _, lines in ipairs { 1, 9, 60, 200 } do
      local running <close> = assert(kavach.process.start { program.absolute, script, place.path })
      local text = ""
      while select(2, text:gsub("\n", "")) < lines do text = text .. assert(running:read()) end
      running:kill(9)
      for more in function() return running:read() end do text = text .. more end
      running:wait()
      for id in text:gmatch "([%d.]+)\n" do acknowledged[#acknowledged + 1] = id end
    end
    local r <close> = assert(journal.reader(place.path))
    local done, jobs = {}, known_jobs(place.path)
    for attempt in r:attempts() do
      assert.equal(1, attempt.number)
      if attempt.state == "done" then done[attempt.id] = r:output(attempt.seq, 1, "stdout").text end
    end
    for _, id in ipairs(acknowledged) do assert.equal(id, done[id]) end
    for id, job in pairs(jobs) do assert.equal(done[id] ~= nil, job.state == "done") end

    local j <close> = assert(journal.open(place.path))
    assert(j:begin_run(journals.RUN))
    local left = j:interrupted()
    assert.is_true(#left <= 4 * 8)
    assert(await(j, "interrupt_all"))
    for _, attempt in ipairs(left) do
      assert(await(j, "claim", { { seq = attempt.seq, number = 2 } }))
    end
  end)

  -- ---- it is full -------------------------------------------------------------------------------

  it("does not take what has no space, says so, and goes on when there is some", function()
    host.write(script, FILL)
    local mounted = place.folder .. "/mounted"
    local path, filler = mounted .. "/a.db", mounted .. "/filler"
    local lines = ([[
      mkdir '%s' && mount -t tmpfs -o size=1m tmpfs '%s' || exit 99
      %s -e 'require("kavach.batch.journal").create("%s",
        { name = "x", uuid = "u", form = "lua" }):close()'
      head -c 400000 /dev/zero >'%s'
      '%s' '%s' '%s' '%s' && cp %s/a.db* '%s'
    ]]):format(mounted, mounted, program.absolute, path, filler, program.absolute, script, path,
      filler, mounted, place.folder)
    local code, out, errors = program.mounting(lines)
    if not code then return pending(out) end
    assert.same({ 0, "" }, { code, errors })
    local ids, rest = told(out)
    assert.same({ "failed\tio\ttrue\tfull", "again\tio\ttrue\ttrue\ttrue", "flush\tnil",
      "space\tnil\ttrue", "retry\ttrue", "trouble\tnil", "ended\ttrue" }, rest)
    local jobs = known_jobs(place.folder .. "/a.db")
    assert.is_true(#ids > 20)
    for _, id in ipairs(ids) do
      assert.is_table(jobs[id], id)
      jobs[id] = nil
    end
    assert.same({}, jobs)
  end)

  it("takes a file that must not grow for a full disk", function()
    host.write(script, FILL)
    journals.begun(place.path):close()
    -- The shell counts in 512 bytes.
    local code, out, errors = program.shell(("ulimit -f 1000; exec '%s' '%s' '%s'"):format(
      program.absolute, script, place.path))
    assert.same({ 0, "" }, { code, errors })
    local ids, rest = told(out)
    assert.matches("^failed\tio\ttrue\t", rest[1])
    assert.same({ "again\tio\ttrue\ttrue\ttrue", "flush\tnil" }, { rest[2], rest[3] })
    local jobs = known_jobs(place.path)
    assert.is_true(#ids > 20)
    for _, id in ipairs(ids) do assert.is_table(jobs[id], id) end
    local j <close> = assert(journal.open(place.path))
    assert(j:begin_run(journals.RUN))
    assert(await(j, "add", { { id = "more" } }))
  end)

  -- ---- it is read-only --------------------------------------------------------------------------

  it("is not opened to write where it is read-only, and can be read there", function()
    journals.begun(place.path, { "a" }):close()
    host.write(script, [[
      local journal = require "kavach.batch.journal"
      local none, why = journal.open(arg[1])
      print(none, why.kind, why.readonly)
      none, why = journal.create(arg[1] .. ".new", { name = "x", uuid = "u", form = "lua" })
      print(none, why.kind, why.readonly)
      print(journal.reader(arg[1]):counts().total)
    ]])
    local lines = ([[
      mount --bind '%s' '%s' && mount -o remount,ro,bind '%s' || exit 99
      '%s' '%s' '%s'
    ]]):format(place.folder, place.folder, place.folder, program.absolute, script, place.path)
    local code, out, errors = program.mounting(lines)
    if not code then return pending(out) end
    assert.same({ 0, "nil\tio\ttrue\nnil\tio\ttrue\n1\n", "" }, { code, out, errors })
  end)

  -- ---- it is damaged ----------------------------------------------------------------------------

  -- Everything that may be done with a journal: what fails has to say so.
  local function use(path)
    local r, why = journal.reader(path)
    if r then
      local _ <close> = r
      for _, read in ipairs {
        function() all(r:jobs()) end, function() all(r:attempts()) end, function() r:counts() end,
        function() r:output(3, nil, "stdout") end, function() r:runs() end,
      } do
        local ok, raised = pcall(read)
        assert.is_true(ok or err.is(raised), tostring(raised))
      end
    else
      assert.is_true(err.is(why))
    end
    local j
    j, why = journal.open(path)
    if not j then return err.is(why, "io") and (why.corrupt and "corrupt" or "refused") end
    local _ <close> = j
    assert.is_table(assert(j:known { "job1" }))
    local begun
    begun, why = j:begin_run(journals.RUN)
    if not begun then return err.is(why, "io") and "refused" end
    return "used"
  end

  it("is refused or reported with a damaged page, wherever that is", function()
    local list = {}
    for i = 1, 150 do list[i] = { id = "job" .. i, spec = ('"%s"'):format(("s"):rep(200)) } end
    local j = journals.begun(place.path)
    assert(await(j, "add", list))
    for i = 1, 100 do
      j:claim { { seq = i, number = 1 } }
      j:finish(i, 1, { state = "done", stdout = { bytes = 2000, text = ("o"):rep(2000) } })
    end
    j:close()
    local good = host.slurp(place.path)
    local pages, found = #good // 4096, {}
    for page = 0, pages - 1 do
      local at = page * 4096
      -- All of a page; its head; and its middle, which may be text, in which no damage can be seen.
      for _, cut in ipairs { { 0, 4096 }, { 0, 12 }, { 2000, 100 } } do
        if (page + cut[2]) % 3 == 0 or page < 12 then
          local from = at + cut[1]
          host.write(place.path, good:sub(1, from) .. ("\xa5"):rep(cut[2])
            .. good:sub(from + cut[2] + 1))
          local outcome = use(place.path)
          found[outcome] = (found[outcome] or 0) + 1
          journal.remove(place.path)
          if cut[2] == 4096 then assert.not_equal("used", outcome, page) end
        end
      end
    end
    assert.is_true(found.corrupt > pages / 2)
  end)

  it("is refused if its end is missing", function()
    local j = journals.begun(place.path)
    local list = {}
    for i = 1, 300 do list[i] = { id = "job" .. i } end
    assert(await(j, "add", list))
    j:close()
    local good = host.slurp(place.path)
    for _, size in ipairs { 1, 99, 100, 4095, 4096, 8192, #good - 4096 } do
      host.write(place.path, good:sub(1, size))
      local none, why = journal.open(place.path)
      assert.is_nil(none)
      assert.equal("io", why.kind)
      journal.remove(place.path)
    end
  end)

  it("stops in the middle of a run when its damage is met, and crashes nothing", function()
    local j = journals.begun(place.path, { "a" })
    assert(await(j, "claim", { { seq = 1, number = 1 } }))
    -- Its log is gone over by another, as a disk might.
    local size = core.file_facts(place.path .. "-wal").size
    local file = assert(io.open(place.path .. "-wal", "r+b"))
    file:write(("\0"):rep(size))
    file:close()
    local ok = await(j, "finish", 1, 1, { state = "done" })
    j:close()
    assert.is_true(ok == true or ok == nil)
  end)
end)
