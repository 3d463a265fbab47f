local queue = require "kavach.batch.queue"

local function job(id, tag, priority)
  return { id = id, tag = tag or "", priority = priority or 0 }
end

local function taken(made)
  local ids = {}
  for each in function() return made:take() end do ids[#ids + 1] = each.id end
  return table.concat(ids, " ")
end

local function filled(list)
  local made = queue.new()
  for _, each in ipairs(list) do made:add(each) end
  return made
end

describe("the queue", function()
  it("gives jobs of one tag in order", function()
    assert.equal("a b c", taken(filled { job "a", job "b", job "c" }))
  end)

  it("gives tags their turns, also those that come later", function()
    local made = filled { job("a1", "a"), job("a2", "a"), job("a3", "a") }
    assert.equal("a1", made:take().id)
    made:add(job("b1", "b"))
    made:add(job("b2", "b"))
    assert.equal("a2 b1 a3 b2", taken(made))
  end)

  it("gives higher priorities first, whenever they come", function()
    local made = filled { job("low", "", -5), job "middle" }
    made:add(job("high", "", 7))
    assert.equal(3, made.count)
    assert.equal("high middle low", taken(made))
    assert.equal(0, made.count)
  end)

  it("gives each its own priority its place, also where others are taken out", function()
    local made, list, order = queue.new(), {}, {}
    for i = 1, 200 do
      local each = job(tostring(i * 37 % 211), "", i * 37 % 211)
      list[#list + 1] = each
      made:add(each)
    end
    for i = 1, 200, 3 do made:remove(list[i]) end
    for each in function() return made:take() end do order[#order + 1] = each.priority end
    assert.equal(133, #order)
    for i = 2, #order do assert.is_true(order[i] < order[i - 1]) end
  end)

  it("lets go of what is taken out, from the middle, the ends and the last of a tag", function()
    local list = { job("a1", "a"), job("a2", "a"), job("a3", "a"), job("b1", "b"),
      job("c1", "c", 3) }
    local made = filled(list)
    assert.is_true(made:remove(list[2]))
    assert.is_false(made:remove(list[2]))
    assert.is_true(made:remove(list[4]))
    assert.is_true(made:remove(list[5]))
    assert.equal(2, made.count)
    made:add(job("b2", "b"))
    assert.equal("a1 b2 a3", taken(made))
  end)

  it("does not grow with what has gone through it", function()
    local made = queue.new()
    for i = 1, 1000 do
      made:add(job(tostring(i), tostring(i), i % 3))
      made:take()
    end
    assert.is_nil(next(made.levels))
    assert.same({}, made.order)
  end)
end)
