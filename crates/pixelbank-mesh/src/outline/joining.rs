use crate::array::Array;
use crate::lines::{Drawing, Polylines};
use crate::merge::Plan;
use crate::mesh::Vec3;
use crate::slice::{End, join};
use crate::{Books, Error};

/// Joins open lines whose ends are no further apart than `distance`. Closed ones stay as they are, behind the others.
///
/// Takes 120 bytes of working memory for each open line, and the result beside what there was.
pub(super) fn joined(books: &Books, lines: Polylines, distance: f32) -> Result<Polylines, Error> {
    let n_open = lines.iter().filter(|line| !line.is_closed).count();
    if n_open == 0 {
        return Ok(lines);
    }
    let mut open = Array::<u32>::zeroed(books, "joining", n_open)?;
    let numbers = (0u32..).zip(lines.iter());
    let numbers = numbers.filter(|(_, line)| !line.is_closed);
    for (place, (number, _)) in open.iter_mut().zip(numbers) {
        *place = number;
    }
    let line_of = |segment: usize| lines.get(open[segment] as usize).map(|line| line.points);
    let mut places = Array::<Vec3>::zeroed(books, "joining", 2 * n_open)?;
    for (side, place) in places.iter_mut().enumerate() {
        let points = line_of(side / 2).unwrap_or_default();
        let end = if side % 2 == 0 {
            points.first()
        } else {
            points.last()
        };
        let [x, y] = end.copied().unwrap_or_default();
        *place = [x, y, 0.0];
    }
    let plan = Plan::within(books, &places, distance)?;
    let mut by_side = Array::<End>::zeroed(books, "joining", places.len())?;
    for (end, (side, number)) in by_side.iter_mut().zip((0..).zip(plan.new.iter())) {
        let edge = [*number, 0];
        *end = End { edge, side };
    }
    let mut by_edge = Array::copied(books, "joining", &by_side)?;
    by_edge.sort_unstable_by_key(End::rank);
    let mut drawing = Drawing::new(books, "outline");
    let point = |[number, _]: [u32; 2]| {
        let [x, y, _] = places[plan.old[number as usize] as usize];
        [x, y]
    };
    join(
        books,
        &by_side,
        &by_edge,
        &mut drawing,
        point,
        |side, drawing| {
            let inner = match line_of(side as usize / 2) {
                Some([_, inner @ .., _]) => inner,
                _ => &[],
            };
            if side % 2 == 0 {
                inner.iter().try_for_each(|point| drawing.push(*point))
            } else {
                inner
                    .iter()
                    .rev()
                    .try_for_each(|point| drawing.push(*point))
            }
        },
    )?;
    for line in lines.iter().filter(|line| line.is_closed) {
        line.points
            .iter()
            .try_for_each(|point| drawing.push(*point))?;
        drawing.end(true)?;
    }
    drawing.finish("outline")
}
