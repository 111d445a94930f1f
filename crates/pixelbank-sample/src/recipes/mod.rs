//! How each subject is put together.

mod aerial;
mod landscape;
mod near;
mod night;

use crate::frame::Frame;
use crate::rng::Rng;
use crate::scene::{Composition, Subject};

pub(crate) fn compose(subject: Subject, frame: &Frame, rng: &mut Rng) -> Composition {
    match subject {
        Subject::Mountains => landscape::mountains(frame, rng),
        Subject::Lake => landscape::lake(frame, rng),
        Subject::Sea => landscape::sea(frame, rng),
        Subject::Dunes => landscape::dunes(frame, rng),
        Subject::Meadow => landscape::meadow(frame, rng),
        Subject::FogForest => landscape::fog_forest(frame, rng),
        Subject::Snow => landscape::snow(frame, rng),
        Subject::Mist => landscape::mist(frame, rng),
        Subject::Stars => night::stars(frame, rng),
        Subject::Aurora => night::aurora(frame, rng),
        Subject::Moon => night::moon(frame, rng),
        Subject::City => night::city(frame, rng),
        Subject::Bokeh => night::bokeh(frame, rng),
        Subject::Fireworks => night::fireworks(frame, rng),
        Subject::Coast => aerial::coast(frame, rng),
        Subject::Fields => aerial::fields(frame, rng),
        Subject::AboveClouds => aerial::above_clouds(frame, rng),
        Subject::Canyon => aerial::canyon(frame, rng),
        Subject::Flower => near::flower(frame, rng),
        Subject::Pebbles => near::pebbles(frame, rng),
        Subject::Cup => near::cup(frame, rng),
        Subject::Autumn => near::autumn(frame, rng),
    }
}
