--- The README's examples: each block marked `run` is run, from the top of the tree; one that is
--- marked with a file is what stands there.

local events = require "kavach.cli.batch.events"
local host = require "support.host"
local program = require "support.program"
local story = require "support.story"

--- The marked blocks: a list of { language, mark, code, line }.
local function blocks(path)
  local found, current, number = {}, nil, 0
  for line in io.lines(path) do
    number = number + 1
    if current and line == "```" then
      current.code = table.concat(current, "\n") .. "\n"
      found[#found + 1], current = current, nil
    elseif current then
      current[#current + 1] = line
    else
      local language, mark = line:match "^```(%w+) (%S+)$"
      if language then current = { language = language, mark = mark, line = number } end
    end
  end
  return found
end

local function write(text)
  local path = os.tmpname()
  local f = assert(io.open(path, "w"))
  f:write(text)
  f:close()
  return path
end

--- Runs a block with build/kavach standing for the build under test.
local function run(block)
  local file = write((block.code:gsub("build/kavach", program.kavach)))
  -- A place of its own for sandboxes and batches: their names are nobody else's there.
  local place, remove = host.folder()
  local interpreter = block.language == "sh" and "sh -eu" or ("'%s'"):format(program.kavach)
  local code, out, errors = program.shell((
    "chmod 700 '%s' && XDG_RUNTIME_DIR='%s' XDG_STATE_HOME='%s' %s %s"):format(
    place, place, place, interpreter, file))
  os.remove(file)
  remove()
  -- How a batch gets on is told there.
  return code, out, (errors:gsub("kavach: batch [^:\n]+: [^\n]*\n", ""))
end

--- What stands below a heading, as far as the next one.
local function section(heading)
  local f <close> = assert(io.open "README.md")
  return ("\n" .. f:read "a"):match("\n## " .. heading .. "\n(.-)\n## ")
end

describe("the README", function()
  local all = blocks "README.md"

  it("has examples in sh and Lua, and at the prompt", function()
    local languages = {}
    for _, block in ipairs(all) do languages[block.language] = true end
    assert.same({ sh = true, lua = true, console = true }, languages)
  end)

  -- #stock: some start stock Lua, which cannot load a module that was built with sanitizers.
  local function works(block)
    local boots = block.code:find "kavach run" or block.code:find "kavach%.sandbox"
      or block.code:find "kavach%.pool" or block.code:find "template build"
      or block.code:find "scripts/jobs" or block.code:find "batch %-%-memory"
    local tags = boots and "#vm #stock" or "#stock"
    it(("has an example in line %d that works %s"):format(block.line, tags), function()
      local code, out, errors = run(block)
      assert.equal("", errors)
      assert.equal(0, code)
      assert.not_equal("", out)
    end)
  end

  local function is_in_its_file(block)
    it(("has an example in line %d that is %s"):format(block.line, block.mark), function()
      local f <close> = assert(io.open(block.mark))
      assert.equal(f:read("a"):match "\n\n(local kavach.*)", block.code)
    end)
  end

  -- What is entered at a prompt, and what that shows; it may show more, and events at any time.
  local function is_a_story(block)
    it(("has a story in line %d that comes out so #vm"):format(block.line), function()
      local teller = story.open { columns = 100 }
      teller:follow(block.code)
      teller:close()
    end)
  end

  local checks = { run = works, prompt = is_a_story }
  for _, block in ipairs(all) do (checks[block.mark] or is_in_its_file)(block) end

  it("names every command of the prompt, and none that does not exist", function()
    local text, commands = section "The prompt", require("kavach.prompt.commands").all()
    for name in pairs(commands) do assert.matches("`%." .. name .. "%f[^%a]", text) end
    for name in text:gmatch "`%.(%a+)" do assert.is_not_nil(commands[name], name) end
  end)

  it("starts with the two commands that a fresh clone needs", function()
    for _, script in ipairs { "scripts/quickstart", "scripts/test" } do
      local f = assert(io.open(script))
      assert.matches("^#!/bin/sh\n", f:read "a")
      f:close()
    end
  end)

  it("names every option of kavach run, and none that does not exist", function()
    local text = section "`kavach run`"
    local _, help = program.run("run", "--help")
    for option in help:gmatch "%-%-[%a-]+" do
      if option ~= "--help" and option ~= "--log-format" then
        assert.matches(option, text, 1, true)
      end
    end
    for option in text:gmatch "`(%-%-%a[%a-]*)" do assert.matches(option, help, 1, true) end
  end)

  it("names every option that kavach batch has beside those of kavach run, and no other", function()
    local text, known = section "Batches", {}
    local _, run_help = program.run("run", "--help")
    local _, help = program.run("batch", "--help")
    for option in run_help:gmatch "%-%-[%a-]+" do known[option] = true end
    for option in help:gmatch "\n   [-%a, ]*(%-%-%a[%a-]+)" do
      assert.is_true(known[option] or text:find(option, 1, true) ~= nil, option)
    end
    local own = text:gsub("| GNU parallel.-\n\n", ""):gsub("What is not there.-\n\n", "")
    for _, action in ipairs(require("kavach.cli.batch").actions) do
      assert.matches("%f[%a]" .. action .. "%f[%A]", text)
      help = help .. select(2, program.run("batch", action, "--help"))
    end
    for option in own:gmatch "%s`?(%-%-%a[%a-]*)" do
      assert.is_true(help:find(option, 1, true) ~= nil, option)
    end
  end)

  it("names the options of a batch and of its jobs", function()
    local text = section "Batches"
    for _, rules in ipairs { require("kavach.batch.options").RULES,
      require("kavach.batch.rules").JOB } do
      for name in pairs(rules) do assert.matches("`" .. name .. "`", text, 1, true) end
    end
  end)

  it("names the fields of a batch's events", function()
    local seen = 0
    for kinds, fields in section("Batches"):gmatch "\n| (`%l[%l`, ]*`) | ([^|\n]*)|" do
      for kind in kinds:gmatch "`(%l+)`" do
        local fine, document = pcall(events.document, { event = kind })
        if fine then
          seen = seen + 1
          for name in fields:gsub("%b()", ""):gmatch "`([%l_]+)`" do
            assert.is_not_nil(document[name], kind .. ": " .. name)
          end
          for name in pairs(kind == "ended" and {} or document) do
            local named = name == "event" or name == "time_ms"
              or fields:find("`" .. name .. "`", 1, true)
            assert.is_truthy(named, kind .. ": " .. name)
          end
        end
      end
    end
    assert.equal(14, seen)
  end)
end)
