//! How each subject is put together.

mod aerial;
mod landscape;
mod meadow;
mod near;
mod night;
mod peaks;
mod pebbles;
mod town;

use crate::frame::Frame;
use crate::rng::Rng;
use crate::scene::{Composition, Subject};

pub(crate) fn compose(subject: Subject, frame: &Frame, rng: &mut Rng) -> Composition {
    match subject {
        Subject::Mountains => peaks::mountains(frame, rng),
        Subject::Lake => peaks::lake(frame, rng),
        Subject::Sea => landscape::sea(frame, rng),
        Subject::Dunes => landscape::dunes(frame, rng),
        Subject::Meadow => meadow::meadow(frame, rng),
        Subject::FogForest => landscape::fog_forest(frame, rng),
        Subject::Snow => peaks::snow(frame, rng),
        Subject::Mist => landscape::mist(frame, rng),
        Subject::Stars => night::stars(frame, rng),
        Subject::Aurora => night::aurora(frame, rng),
        Subject::Moon => night::moon(frame, rng),
        Subject::City => town::city(frame, rng),
        Subject::Bokeh => town::bokeh(frame, rng),
        Subject::Fireworks => town::fireworks(frame, rng),
        Subject::Coast => aerial::coast(frame, rng),
        Subject::Fields => aerial::fields(frame, rng),
        Subject::AboveClouds => aerial::above_clouds(frame, rng),
        Subject::Canyon => aerial::canyon(frame, rng),
        Subject::Flower => near::flower(frame, rng),
        Subject::Pebbles => pebbles::pebbles(frame, rng),
        Subject::Cup => near::cup(frame, rng),
        Subject::Autumn => near::autumn(frame, rng),
    }
}
