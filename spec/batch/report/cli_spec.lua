local err = require "kavach.err"
local host = require "support.host"
local json = require "kavach.json"
local markup = require "support.markup"
local reader = require "support.batch_reader"

describe("kavach batch report", function()
  local report, folder, remove, loaded, output, printed

  -- The journals' places, and the reader of a journal.
  local function stand_in(name, module)
    loaded[name] = package.loaded[name] or false
    package.loaded[name] = module
  end

  before_each(function()
    loaded, output = {}, io.stdout
    folder, remove = host.folder()
    stand_in("kavach.batch.place", {
      existing = function(name)
        if name == "thumbnails" then return { name = name, db = "DB", out = folder } end
        return err.fail("invalid_argument", ("there is no batch '%s'"):format(name))
      end,
    })
    stand_in("kavach.batch.journal", {
      reader = function(path)
        assert.equal("DB", path)
        report.r = reader.new { jobs = {
          { id = "a", attempts = { { from = 0, to = 3 } } },
          { id = "b\27[1m", state = "failed", attempts = {
            { from = 0, to = 1, state = "failed", exit_code = 3, slot = 2 },
            { from = 1, to = 3, state = "failed", exit_code = 3, slot = 2,
              stderr = { path = "b.stderr" } } } },
          { id = "c", state = "skipped", reason = "it needs 'b'" },
        } }
        return report.r
      end,
    })
    host.write(folder .. "/b.stderr", "1\n2\n3\n4\n5\n6\nthe \27[31mend\27[0m\n")
    report = {}
  end)
  after_each(function()
    for name, module in pairs(loaded) do package.loaded[name] = module or nil end
    remove()
  end)

  -- Runs it: its exit code or nil, what it printed, and its error.
  local function run(args)
    args.name = args.name or "thumbnails"
    printed = assert(io.open(folder .. "/printed", "w+b"))
    io.stdout = printed -- luacheck: ignore 122
    local ok, code, why = pcall(require("kavach.cli.batch.report").run, args)
    io.stdout = output -- luacheck: ignore 122
    printed:close()
    if not ok then error(code, 0) end
    return code, host.slurp(folder .. "/printed"), why
  end

  it("prints a short report", function()
    local code, text = run {}
    assert.equal(0, code)
    assert.equal([[
thumbnails: 1 of 3 jobs done, 1 failed, 1 skipped
  2026-11-29 15:00:00 UTC, every job done: 3.0 s at work, 6.0 s of jobs (2.00×)
  ✗ b\x1b[1m: exit code 3 (attempt 2 of 2)
      3
      4
      5
      6
      the end
]], text)
    assert.is_true(report.r.closed)
  end)

  it("writes what it is asked for, and nothing else", function()
    local code, text = run { html = folder .. "/r.html", junit = folder .. "/j.xml",
      joblog = folder .. "/log", results = folder .. "/res" }
    assert.same({ 0, "" }, { code, text })
    markup.parse(host.slurp(folder .. "/r.html"), true)
    markup.parse(host.slurp(folder .. "/j.xml"))
    assert.matches("^Seq\t", host.slurp(folder .. "/log"))
    assert.matches("the", host.slurp(folder .. "/res/b%1B%5B1m/stderr"), 1, true)
  end)

  it("prints one document with --json", function()
    local code, text = run { json = true }
    local document = assert(json.decode(text))
    assert.same({ 0, 1, 3 }, { code, document.version, #document.jobs })
  end)

  it("prints a document that has - as its file, but not two", function()
    local code, text = run { joblog = "-" }
    assert.equal(0, code)
    assert.matches("^Seq\t.*\n1\t:", text)
    local complain = require("kavach.cli").complain
    local message
    require("kavach.cli").complain = function(said) message = said end
    code = run { joblog = "-", json = true }
    require("kavach.cli").complain = complain
    assert.equal(64, code)
    assert.equal("batch report: only one document can go to standard output", message)
  end)

  it("says what is not there, and what could not be written", function()
    local code, _, why = run { name = "none" }
    assert.is_nil(code)
    assert.equal("there is no batch 'none'", why.message)
    code, _, why = run { html = "/nowhere/r.html" }
    assert.is_nil(code)
    assert.equal("--html: /nowhere/r.html: No such file or directory", why.message)
    assert.is_true(report.r.closed)
  end)
end)
