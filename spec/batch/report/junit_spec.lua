local err = require "kavach.err"
local host = require "support.host"
local junit = require "kavach.batch.report.junit"
local markup = require "support.markup"
local reader = require "support.batch_reader"

local function attempt(fields)
  fields.from, fields.to = fields.from or 0, fields.to or 1
  return fields
end

describe("JUnit's XML of a batch", function()
  local path
  before_each(function() path = os.tmpname() end)
  after_each(function() os.remove(path) end)

  local function document(jobs)
    assert(junit.write(reader.new { jobs = jobs }, path))
    return markup.parse(host.slurp(path))
  end

  it("has a test case for each job", function()
    local root = document {
      { id = "a", attempts = { attempt { to = 1.5, state = "failed", exit_code = 2 },
        attempt { from = 2, to = 3 } } },
      { id = "b", tag = "large", state = "failed", attempts = { attempt { state = "failed",
        exit_code = 3, stderr = { text = "one\n\27[31mtwo\27[0m\n" } } } },
      { id = "c", state = "skipped", reason = "it needs 'b', which failed" },
      { id = "d", state = "cancelled", reason = "signal 2" },
      { id = "e", state = "waiting" },
      { id = "f", state = "failed", attempts = { attempt { state = "failed", timed_out = true,
        exit_code = 143, signal = 15 } } },
    }
    local suite = markup.all(root, "testsuite")[1].attributes
    assert.same({ "thumbnails", "6", "2", "0", "3", "2026-11-29T15:00:00" }, { suite.name,
      suite.tests, suite.failures, suite.errors, suite.skipped, suite.timestamp })
    local shown = {}
    for i, case in ipairs(markup.all(root, "testcase")) do
      local facts = case.attributes
      shown[i] = table.concat({ facts.name, facts.classname, facts.time }, " ")
    end
    assert.same({ "a thumbnails 2.500", "b large 1.000", "c thumbnails 0.000",
      "d thumbnails 0.000", "e thumbnails 0.000", "f thumbnails 1.000" }, shown)
    local failures = markup.all(root, "failure")
    assert.same({ "exit code 3", "exit", "one\ntwo" }, { failures[1].attributes.message,
      failures[1].attributes.type, markup.text(failures[1]) })
    assert.same({ "its time was up after 1.0 s", "timeout" }, { failures[2].attributes.message,
      failures[2].attributes.type })
    local skipped = {}
    for i, each in ipairs(markup.all(root, "skipped")) do skipped[i] = each.attributes.message end
    assert.same({ "it needs 'b', which failed", "cancelled: signal 2", "not done yet: waiting" },
      skipped)
    assert.equal("2", markup.all(root, "property")[1].attributes.value)
  end)

  it("is well formed whatever the bytes", function()
    local every = {}
    for i = 1, 255 do every[i] = string.char(i) end
    every = table.concat(every)
    local root = document {
      { id = every, tag = "]]>", state = "failed", reason = "\0<&\">'\u{ffff}\u{fffe}",
        attempts = { attempt { state = "failed", stderr = { text = every .. "\0\u{202e}]]>" } } } },
    }
    assert.equal("\\x00<&\">'\\u{ffff}\\u{fffe}", markup.all(root, "failure")[1].attributes.message)
    assert.equal("]]>", markup.all(root, "testcase")[1].attributes.classname)
  end)

  it("is written whole or not at all", function()
    host.write(path, "before")
    local r = reader.new { jobs = { { id = "a" } } }
    r.attempts = function() error(err.new("io", "the journal is damaged"), 0) end
    local ok, why = junit.write(r, path)
    assert.is_nil(ok)
    assert.equal("the journal is damaged", why.message)
    assert.equal("before", host.slurp(path))
    r.attempts = function() error "a mistake" end
    assert.error_matches(function() junit.write(r, path) end, "a mistake")
    assert.equal("before", host.slurp(path))
    ok, why = junit.write(reader.new {}, "/nowhere/jobs.xml")
    assert.is_nil(ok)
    assert.equal("/nowhere/jobs.xml: No such file or directory", why.message)
    ok, why = junit.write(reader.new {}, "/dev/full")
    assert.is_nil(ok)
    assert.equal("/dev/full: No space left on device", why.message)
  end)
end)
