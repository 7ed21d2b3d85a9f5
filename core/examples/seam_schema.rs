//! Prints the schema of the seam for `make generate`. No example for programs.

fn main() {
    println!("{:#}", sessionwire::seam::schema());
}
